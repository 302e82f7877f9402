//! Who one is, and what one shows of oneself.

use actix_web::HttpResponse;
use application::accounts::EditProfileError;
use domain::{About, Account, DisplayName, Email, Profile, ProfileUpdate, Update};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{self, Checks, given};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body};
use super::time::Time;

/// Oneself.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 7, "username": "ann", "email": "ann@example.com", "superuser": false,
    "display_name": "Ann", "about": null, "hide_presence": false, "last_seen_at": null
})))]
pub(crate) struct MeResponse<'a> {
    /// The id of one's account.
    id: i64,
    /// What others know one by.
    username: &'a str,
    /// Nobody else is shown this.
    #[schema(required)]
    email: Option<&'a str>,
    /// Whether one may moderate groups that one is not in.
    superuser: bool,
    /// What one shows of oneself.
    #[serde(flatten)]
    profile: ProfileResponse<'a>,
    /// When one's last socket ended, if that was noted.
    #[schema(required)]
    last_seen_at: Option<Time>,
}

/// What one shows of oneself, as one sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"display_name": "Ann", "about": null, "hide_presence": false})))]
pub(crate) struct ProfileResponse<'a> {
    /// What others may call one.
    #[schema(required)]
    display_name: Option<&'a str>,
    /// What one says of oneself.
    #[schema(required)]
    about: Option<&'a str>,
    /// Whether others are not told when one is there, and when one was.
    hide_presence: bool,
}

impl<'a> From<&'a Profile> for ProfileResponse<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            hide_presence: profile.hides_presence,
        }
    }
}

impl<'a> From<&'a Account> for MeResponse<'a> {
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
pub(crate) async fn me(signed: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(MeResponse::from(signed.account()))
}

/// What one shows of oneself from now on; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"display_name": "Ann", "about": null, "hide_presence": true})))]
pub(crate) struct ProfileRequest {
    /// What others may call one; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    display_name: Update<String>,
    /// What one says of oneself; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    about: Update<String>,
    /// Whether others are not to be told when one is there, and when one was.
    hide_presence: Option<bool>,
}

/// `PATCH /me`
pub(crate) async fn alter(
    signed: Authenticated,
    Body(body): Body<ProfileRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let display_name = checks.update(body.display_name, input::display_name);
    let about = checks.update(body.about, input::about);
    let (display_name, about) = checks.finish(Some((display_name, about)))?;
    let update = ProfileUpdate { display_name, about, hides_presence: body.hide_presence };
    match signed.state.accounts.edit_profile.execute(signed.account(), update).await {
        Ok(account) => Ok(HttpResponse::Ok().json(MeResponse::from(&account))),
        Err(EditProfileError::NoAccount) => Err(Problem::new(Kind::Unauthenticated)),
        Err(EditProfileError::Limited(wait)) => Err(wait.into()),
        Err(EditProfileError::Backend(error)) => Err(Problem::backend(&error)),
    }
}
