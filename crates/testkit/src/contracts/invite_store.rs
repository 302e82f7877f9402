//! The contract of [`application::ports::InviteStore`], and of what superusers leave behind.

pub mod inviting;
pub mod moderating;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! invite_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { invite_store, $fresh,
            inviting: {
                an_invitation_is_kept_as_it_was_made,
                invitations_are_listed_in_pages_until_they_are_taken_back,
                an_invitation_is_used_so_often_and_no_more,
                racing_uses_of_an_invitation_are_counted,
                who_was_banned_does_not_come_back_by_an_invitation,
            }
            moderating: {
                what_a_superuser_does_is_written_down_with_it,
                what_members_do_and_what_is_refused_is_not,
            }
        }
    };
}
