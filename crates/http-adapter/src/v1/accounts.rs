//! Signing up, signing in, staying signed in, and another password.

use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::{
    ChangePasswordError, RefreshError, RegisterCommand, RegisterError, SignInCommand, SignInError,
    TokenPair,
};
use application::ports::Taken;
use domain::{Email, EmailError, Password, PasswordError, Username, UsernameError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Checks, wrong};
use super::problem::{FieldError, Kind, Problem};
use super::request::{Authenticated, Body};
use crate::state::State;

/// What a session goes on with.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "access": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "token_type": "Bearer"
})))]
pub(crate) struct TokensResponse<'a> {
    /// To be sent with requests, for minutes.
    access: &'a str,
    /// Buys the next pair, once.
    refresh: &'a str,
    /// How the access token is sent.
    token_type: &'static str,
}

fn tokens(status: actix_web::http::StatusCode, pair: &TokenPair) -> HttpResponse {
    let TokenPair { access, refresh } = pair;
    HttpResponse::build(status).json(TokensResponse { access, refresh, token_type: "Bearer" })
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "username": "ann", "email": "ann@example.com", "password": "correct horse 7"
})))]
pub(crate) struct NewAccountRequest {
    /// Letters, digits and `@.+-_`; nobody else's.
    #[schema(min_length = 1, max_length = 150)]
    username: String,
    /// Nobody else's.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// Anything without U+0000.
    #[schema(min_length = 6)]
    password: String,
}

/// `POST /accounts`
pub(crate) async fn sign_up(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<NewAccountRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let username = Username::parse(&body.username)
        .map_err(|broken| broken.into_iter().for_each(|error| checks.refuse(bad_username(error))))
        .ok();
    let email = checks.take(Email::parse(&body.email).map_err(bad_email));
    let password = new_password(&mut checks, "password", &body.password);
    let values = username.zip(email).zip(password);
    let ((username, email), password) = checks.finish(values)?;
    let address = state.proxies.client(&request);
    let command = RegisterCommand { username, email, password, address };
    let pair = state.accounts.register.execute(command).await.map_err(not_registered)?;
    Ok(tokens(actix_web::http::StatusCode::CREATED, &pair))
}

fn bad_username(error: UsernameError) -> FieldError {
    let rule = match error {
        UsernameError::IllegalCharacter => "characters",
        UsernameError::TooLong => "max_length",
    };
    wrong("username", rule, error.to_string())
}

fn bad_email(error: EmailError) -> FieldError {
    let rule = match error {
        EmailError::Malformed => "email",
        EmailError::TooLong => "max_length",
    };
    wrong("email", rule, error.to_string())
}

fn new_password(checks: &mut Checks, field: &'static str, text: &str) -> Option<Password> {
    let bad = |error: PasswordError| {
        let rule = match error {
            PasswordError::TooShort => "min_length",
            PasswordError::Nul => "nul",
        };
        wrong(field, rule, error.to_string())
    };
    Password::parse(text)
        .map_err(|broken| broken.into_iter().for_each(|error| checks.refuse(bad(error))))
        .ok()
}

fn not_registered(error: RegisterError) -> Problem {
    match error {
        RegisterError::Taken(Taken { username, email }) => {
            let taken = |field| wrong(field, "taken", "somebody has this already");
            let username = username.then(|| taken("username"));
            let email = email.then(|| taken("email"));
            let errors = username.into_iter().chain(email).collect();
            Problem::new(Kind::Taken).with_errors(errors)
        }
        RegisterError::Limited(wait) => wait.into(),
        RegisterError::Backend(error) => Problem::backend(&error),
    }
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"username": "ann", "password": "correct horse 7"})))]
pub(crate) struct CredentialsRequest {
    /// As when one signed up.
    username: String,
    /// As when one signed up.
    password: String,
}

/// `POST /sessions`
pub(crate) async fn sign_in(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<CredentialsRequest>,
) -> Result<HttpResponse, Problem> {
    let command = SignInCommand {
        username: body.username,
        password: Password::claimed(&body.password),
        address: state.proxies.client(&request),
    };
    match state.accounts.sign_in.execute(command).await {
        Ok(pair) => Ok(tokens(actix_web::http::StatusCode::CREATED, &pair)),
        Err(SignInError::NoActiveAccount) => Err(Problem::new(Kind::WrongCredentials)),
        Err(SignInError::Limited(wait)) => Err(wait.into()),
        Err(SignInError::Backend(error)) => Err(Problem::backend(&error)),
    }
}

/// What buys the next pair of tokens.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"})))]
pub(crate) struct RefreshRequest {
    /// The newest refresh token of the session.
    refresh: String,
}

/// `POST /sessions/refresh`
pub(crate) async fn refresh(
    state: web::Data<State>,
    Body(body): Body<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    match state.accounts.refresh.execute(&body.refresh).await {
        Ok(pair) => Ok(tokens(actix_web::http::StatusCode::OK, &pair)),
        Err(RefreshError::Token(error)) => {
            Err(Problem::new(Kind::SpentToken).with_detail(error.to_string()))
        }
        Err(RefreshError::Spent | RefreshError::NoAccount) => Err(Problem::new(Kind::SpentToken)),
        Err(RefreshError::Backend(error)) => Err(Problem::backend(&error)),
    }
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"current": "correct horse", "new": "battery staple"})))]
pub(crate) struct PasswordRequest {
    /// The one of before.
    current: String,
    /// As at sign-up.
    new: String,
}

/// `PUT /me/password`
pub(crate) async fn change_password(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<PasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let new = new_password(&mut checks, "new", &body.new);
    let new = checks.finish(new)?;
    let current = SignInCommand {
        username: signed.account().username.as_str().to_owned(),
        password: Password::claimed(&body.current),
        address: signed.state.proxies.client(&request),
    };
    match signed.state.accounts.change_password.execute(current, new).await {
        Ok(pair) => Ok(tokens(actix_web::http::StatusCode::OK, &pair)),
        Err(ChangePasswordError::WrongPassword) => {
            Err(Problem::field("current", "password", "is not the current password"))
        }
        Err(ChangePasswordError::AccountChanged) => Err(Problem::new(Kind::Unauthenticated)),
        Err(ChangePasswordError::Limited(wait)) => Err(wait.into()),
        Err(ChangePasswordError::Backend(error)) => Err(Problem::backend(&error)),
    }
}
