//! Who one is, and what one shows of oneself.

use actix_web::HttpResponse;
use application::accounts::EditProfileError;
use domain::{About, Account, DisplayName, Email, Profile, ProfileUpdate, Update};
use serde::{Deserialize, Serialize};

use super::input::{self, Checks, given};
use super::problem::{Kind, Problem};
use super::request::{Body, Signed};
use super::time::Time;

#[derive(Serialize)]
struct MeView<'a> {
    id: i64,
    username: &'a str,
    email: Option<&'a str>,
    superuser: bool,
    #[serde(flatten)]
    profile: ProfileView<'a>,
    last_seen_at: Option<Time>,
}

/// What one shows of oneself, as one sees it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProfileView<'a> {
    display_name: Option<&'a str>,
    about: Option<&'a str>,
    hide_presence: bool,
}

impl<'a> From<&'a Profile> for ProfileView<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            hide_presence: profile.hides_presence,
        }
    }
}

impl<'a> From<&'a Account> for MeView<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            id: account.id.get(),
            username: account.username.as_str(),
            email: account.email.as_ref().map(Email::as_str),
            superuser: account.superuser,
            profile: (&account.profile).into(),
            last_seen_at: account.last_seen_at.map(Time),
        }
    }
}

/// `GET /me`
pub(crate) async fn me(signed: Signed) -> HttpResponse {
    HttpResponse::Ok().json(MeView::from(signed.account()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileIn {
    #[serde(default, deserialize_with = "given")]
    display_name: Update<String>,
    #[serde(default, deserialize_with = "given")]
    about: Update<String>,
    hide_presence: Option<bool>,
}

/// `PATCH /me`
pub(crate) async fn alter(
    signed: Signed,
    Body(body): Body<ProfileIn>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let display_name = checks.update(body.display_name, input::display_name);
    let about = checks.update(body.about, input::about);
    let (display_name, about) = checks.finish(Some((display_name, about)))?;
    let update = ProfileUpdate { display_name, about, hides_presence: body.hide_presence };
    match signed.state.accounts.edit_profile.execute(signed.account(), update).await {
        Ok(account) => Ok(HttpResponse::Ok().json(MeView::from(&account))),
        Err(EditProfileError::NoAccount) => Err(Problem::new(Kind::Unauthenticated)),
        Err(EditProfileError::Limited(wait)) => Err(wait.into()),
        Err(EditProfileError::Backend(error)) => Err(Problem::backend(&error)),
    }
}
