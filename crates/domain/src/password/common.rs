//! The most common passwords.

use crate::text;

/// The 8,479 passwords of at least 8 characters among the 20,000 most common ones that Django
/// refuses: folded, one a line. Royce Williams collected them from leaks; the file is part of
/// Django 4.1 under the BSD licence beside it.
const COMMON: &str = include_str!("common.txt");

/// Whether attackers try this password first. Case does not matter.
pub(super) fn is_common(password: &str) -> bool {
    let key = text::fold(password);
    // Far cheaper than hashing the password.
    COMMON.lines().any(|common| common == key)
}
