//! What one does with an account: sign up, sign in, stay signed in, show oneself.

mod authenticate;
mod change_password;
mod edit_profile;
mod find_account;
mod find_users;
mod list_sessions;
mod manage_accounts;
mod refresh;
mod register;
mod sign_in;
mod sign_out;
mod token_pairs;
mod verify_token;

pub use authenticate::{Authenticate, AuthenticateError, Caller};
pub use change_password::{ChangePassword, ChangePasswordError};
pub use edit_profile::{EditProfile, EditProfileError};
pub use find_account::FindAccount;
pub use find_users::{FindUsers, VisibleUser};
pub use list_sessions::ListSessions;
pub use manage_accounts::{ManageAccounts, ManageAccountsError};
pub use refresh::{Refresh, RefreshError};
pub use register::{Register, RegisterCommand, RegisterError};
pub use sign_in::{SignIn, SignInCommand, SignInError};
pub use sign_out::SignOut;
pub use token_pairs::{TokenPair, TokenPairs, TokenTimes};
pub use verify_token::{VerifyError, VerifyToken};
