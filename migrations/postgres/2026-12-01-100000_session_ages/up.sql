-- Sessions from before this column was written. When they were used last is the nearest known time.
update sessions set opened_at = issued_at where opened_at is null;
