//! What one does with an account: sign up, sign in, stay signed in.

mod authenticate;
mod find_account;
mod manage_accounts;
mod refresh;
mod register;
mod sign_in;
mod sign_out;
mod token_pairs;
mod verify_token;

pub use authenticate::{Authenticate, AuthenticateError, Caller};
pub use find_account::FindAccount;
pub use manage_accounts::{ManageAccounts, ManageAccountsError};
pub use refresh::{Refresh, RefreshError};
pub use register::{Register, RegisterCommand, RegisterError};
pub use sign_in::{SignIn, SignInCommand, SignInError};
pub use sign_out::SignOut;
pub use token_pairs::{TokenPair, TokenPairs, TokenTimes};
pub use verify_token::{VerifyError, VerifyToken};
