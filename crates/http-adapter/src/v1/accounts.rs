//! Signing up, and your own account.

use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::{
    ChangePasswordError, EditProfileError, RegisterCommand, RegisterError, SignInCommand,
};
use application::ports::{Audience, Taken};
use domain::{
    About, Account, DisplayName, Email, EmailError, Password, PasswordError, Profile,
    ProfileUpdate, Update, Username, UsernameError,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::formats::Time;
use super::input::{AddedBy, Checks, given, wrong};
use super::problem::{FieldError, Kind, Problem};
use super::request::{Authenticated, Body};
use super::responses::{UserResponse, UsersResponse};
use super::sessions::{self, TokensResponse};
use crate::state::State;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "username": "ann", "email": "ann@example.com", "password": "correct horse 7"
})))]
pub(crate) struct SignUpRequest {
    /// Letters, digits and `@.+-_`; unique without regard to case and normal form.
    #[schema(min_length = 1, max_length = 150)]
    username: String,
    /// Unique without regard to case; other users never see it.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// Any characters except U+0000, but none of the most common passwords. Surrounding white
    /// space does not count, nor how the characters were typed.
    #[schema(min_length = 8)]
    password: String,
}

/// Creates an account and signs it in.
#[utoipa::path(
    post, path = "/accounts", security(()), request_body = SignUpRequest,
    responses((status = 201, description = "The first session of the new account.", body = TokensResponse)),
    extensions(("x-problems" = json!([Kind::Taken, Kind::TooManyRequests]))),
)]
pub(crate) async fn sign_up(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<SignUpRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let username = Username::parse_new(&body.username, state.accounts.names());
    let username = checks.take_all(username, |error| {
        let rule = match error {
            UsernameError::IllegalCharacter => "characters",
            UsernameError::TooLong => "max_length",
            UsernameError::Reserved => "reserved",
        };
        wrong("username", rule, error.to_string())
    });
    let email = checks.take(Email::parse(&body.email).map_err(|error| {
        let rule = match error {
            EmailError::Malformed => "email",
            EmailError::TooLong => "max_length",
        };
        wrong("email", rule, error.to_string())
    }));
    let password = new_password(&mut checks, "password", &body.password);
    let values = username.zip(email).zip(password);
    let ((username, email), password) = checks.finish(values)?;
    let address = state.proxies.client(&request);
    let command = RegisterCommand { username, email, password, address, audience: Audience::V1 };
    match state.accounts.register(command).await {
        Ok(pair) => Ok(sessions::show(HttpResponse::Created(), &pair)),
        Err(RegisterError::Taken(Taken { username, email })) => {
            let taken = |field| wrong(field, "taken", "is already in use");
            let username = username.then(|| taken("username"));
            let errors = username.into_iter().chain(email.then(|| taken("email")));
            Err(Problem::new(Kind::Taken).with_errors(errors.collect()))
        }
        Err(RegisterError::Limited(wait)) => Err(wait.into()),
        Err(RegisterError::Busy(_)) => Err(Problem::unavailable()),
        Err(RegisterError::Backend(cause)) => Err(cause.into()),
    }
}

fn new_password(checks: &mut Checks, field: &'static str, text: &str) -> Option<Password> {
    checks.take_all(Password::parse_strong(text), |error: PasswordError| -> FieldError {
        let rule = match error {
            PasswordError::TooShort { .. } => "min_length",
            PasswordError::Nul => "nul",
            PasswordError::Common => "common",
        };
        wrong(field, rule, error.to_string())
    })
}

/// Your account, as only you see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Me, examples(json!({
    "id": 7, "username": "ann", "email": "ann@example.com", "superuser": false,
    "display_name": "Ann", "about": null, "hide_presence": false, "added_by": "everyone",
    "last_seen_at": null
})))]
pub(crate) struct MeResponse<'a> {
    /// The id of your account.
    id: i64,
    /// The unique name of your account.
    username: &'a str,
    /// Your email address, which only you see.
    #[schema(required)]
    email: Option<&'a str>,
    /// Whether you may moderate the lobby and groups that you are not a member of.
    superuser: bool,
    #[serde(flatten)]
    profile: ProfileResponse<'a>,
    /// When your last connection ended; `null` if that is not recorded.
    #[schema(required)]
    last_seen_at: Option<Time>,
}

/// Your profile, which other users see, and its settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Profile, examples(json!({
    "display_name": "Ann", "about": null, "hide_presence": false, "added_by": "everyone"
})))]
pub(crate) struct ProfileResponse<'a> {
    /// The name to show instead of the username.
    #[schema(required)]
    display_name: Option<&'a str>,
    /// A text about yourself.
    #[schema(required)]
    about: Option<&'a str>,
    /// Whether other users cannot see when you are or were online.
    hide_presence: bool,
    /// Whose additions to a group make you a member at once.
    added_by: AddedBy,
}

impl<'a> From<&'a Profile> for ProfileResponse<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            hide_presence: profile.hides_presence,
            added_by: profile.added_by.into(),
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

/// Returns your account.
#[utoipa::path(
    get, path = "/me",
    responses((status = 200, description = "Your account.", body = MeResponse)),
)]
pub(crate) async fn get_me(caller: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(MeResponse::from(caller.account()))
}

/// Changes to your profile. Fields that you leave out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"display_name": "Ann", "about": null, "hide_presence": true})))]
pub(crate) struct UpdateMeRequest {
    /// The name to show instead of the username; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    display_name: Update<String>,
    /// A text about yourself; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    about: Update<String>,
    /// Whether other users cannot see when you are or were online.
    hide_presence: Option<bool>,
    /// Whose additions to a group make you a member at once.
    added_by: Option<AddedBy>,
}

/// Changes your profile.
#[utoipa::path(
    patch, path = "/me", request_body = UpdateMeRequest,
    responses((status = 200, description = "Your account after the change.", body = MeResponse)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn update_me(
    caller: Authenticated,
    Body(body): Body<UpdateMeRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let display_name = checks.update_label("display_name", &body.display_name, DisplayName::parse);
    let about = checks.update_label("about", &body.about, About::parse);
    let (display_name, about) = checks.finish(Some((display_name, about)))?;
    let update = ProfileUpdate {
        display_name,
        about,
        hides_presence: body.hide_presence,
        added_by: body.added_by.map(Into::into),
    };
    match caller.state.accounts.edit_profile(caller.account(), update).await {
        Ok(account) => Ok(HttpResponse::Ok().json(MeResponse::from(&account))),
        Err(EditProfileError::NoAccount) => Err(Problem::new(Kind::Unauthenticated)),
        Err(EditProfileError::Limited(wait)) => Err(wait.into()),
        Err(EditProfileError::Backend(cause)) => Err(cause.into()),
    }
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"current": "correct horse", "new": "battery staple"})))]
pub(crate) struct ChangePasswordRequest {
    /// Your current password.
    current: String,
    /// The new password; the rules of signing up apply.
    new: String,
}

/// Changes your password.
///
/// A wrong current password counts as a failed attempt to sign in.
#[utoipa::path(
    put, path = "/me/password", request_body = ChangePasswordRequest,
    responses((status = 200, description = "A new session; all other sessions have ended.", body = TokensResponse)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn change_password(
    caller: Authenticated,
    Body(body): Body<ChangePasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let new = new_password(&mut checks, "new", &body.new);
    let new = checks.finish(new)?;
    let current = SignInCommand {
        username: caller.account().username.as_str().to_owned(),
        password: Password::claimed(&body.current),
        address: caller.state.proxies.client(&caller.request),
        audience: Audience::V1,
    };
    match caller.state.accounts.change_password(current, new).await {
        Ok(pair) => Ok(sessions::show(HttpResponse::Ok(), &pair)),
        Err(ChangePasswordError::WrongPassword) => {
            Err(Problem::field("current", "password", "is not the current password"))
        }
        Err(ChangePasswordError::AccountChanged) => Err(Problem::new(Kind::Unauthenticated)),
        Err(ChangePasswordError::Limited(wait)) => Err(wait.into()),
        Err(ChangePasswordError::Busy(_)) => Err(Problem::unavailable()),
        Err(ChangePasswordError::Backend(cause)) => Err(cause.into()),
    }
}

/// Lists the users that you block.
#[utoipa::path(
    get, path = "/me/blocks",
    responses((status = 200, description = "All of them, by id.", body = UsersResponse)),
)]
pub(crate) async fn list_blocks(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let blocked = caller.chat().blocked(caller.account()).await?;
    let items = blocked.iter().map(|(id, username)| UserResponse::new(*id, username));
    Ok(HttpResponse::Ok().json(UsersResponse { items: items.collect() }))
}

/// Blocks a user.
///
/// You no longer see what this user writes, and the user cannot write to you directly.
#[utoipa::path(
    put, path = "/me/blocks/{user}",
    responses((status = 204, description = "The user is blocked.")),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::Full, Kind::TooManyRequests]))),
)]
pub(crate) async fn block_user(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.chat().set_blocked(caller.account(), caller.user()?, true).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Unblocks a user.
#[utoipa::path(
    delete, path = "/me/blocks/{user}",
    responses((status = 204, description = "The user is not blocked.")),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::TooManyRequests]))),
)]
pub(crate) async fn unblock_user(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.chat().set_blocked(caller.account(), caller.user()?, false).await?;
    Ok(HttpResponse::NoContent().finish())
}
