drop index blocks_by_blocked;
