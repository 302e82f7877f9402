//! Registering, signing in, and refreshing and verifying tokens.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use application::accounts::{
    RefreshError, RegisterCommand, RegisterError, SignInCommand, SignInError, TokenPair,
    VerifyError,
};
use application::ports::{Audience, RetryAfter, Taken};
use domain::{Email, EmailError, NameRule, Password, PasswordError, Username, UsernameError};
use serde::Serialize;

use super::call::{Call, json};
use super::failure::{Failure, Text, too_many};
use super::form::Presence::Required;

/// `POST /accounts/api/register/`
pub(crate) async fn register(mut call: Call) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&["username", "email", "password"]).await?;
    let names = call.state.accounts.names();
    let username = form.text("username", Required, |text| username(text, names));
    let email = form.text_or("email", Required, BAD_EMAIL, email);
    let password = form.text("password", Required, password);
    let address = call.state.proxies.client(&call.request);
    // A valid form is checked by the registration itself.
    if username.is_none() || email.is_none() || password.is_none() {
        let taken = call.state.accounts.taken(address, username.as_ref(), email.as_ref()).await;
        for (field, text) in taken_errors(taken.map_err(not_registered)?) {
            form.refuse::<()>(field, vec![text]);
        }
    }
    let ((username, email), password) = form.finish(username.zip(email).zip(password))?;

    let command =
        RegisterCommand { username, email, password, address, audience: Audience::Compat };
    match call.state.accounts.register(command).await {
        Ok(pair) => Ok(tokens(StatusCode::CREATED, &pair)),
        Err(error) => Err(not_registered(error)),
    }
}

/// When the hasher may have a place again.
const SOON: RetryAfter = RetryAfter(Duration::from_secs(1));

fn not_registered(error: RegisterError) -> Failure {
    match error {
        RegisterError::Taken(taken) => {
            Failure::Fields(taken_errors(taken).map(|(field, text)| (field, vec![text])).collect())
        }
        // The React client hangs on any response but 400.
        RegisterError::Limited(wait) => Failure::Fields(vec![("username", vec![too_many(wait)])]),
        RegisterError::Busy(_) => not_registered(RegisterError::Limited(SOON)),
        RegisterError::Backend(cause) => cause.into(),
    }
}

const BAD_EMAIL: &str = "Enter a valid email address.";

fn username(text: &str, names: NameRule) -> Result<Username, Vec<Text>> {
    let describe = |error| match error {
        UsernameError::IllegalCharacter => {
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
        }
        UsernameError::TooLong => "Ensure this field has no more than 150 characters.",
        UsernameError::Reserved => "This username is reserved.",
    };
    Username::parse_new(text, names)
        .map_err(|broken| broken.into_iter().map(|e| describe(e).into()).collect())
}

fn email(text: &str) -> Result<Email, Vec<Text>> {
    Email::parse(text).map_err(|error| match error {
        EmailError::Malformed => vec![BAD_EMAIL.into()],
        EmailError::TooLong => vec!["Ensure this field has no more than 254 characters.".into()],
    })
}

fn password(text: &str) -> Result<Password, Vec<Text>> {
    let describe = |error| match error {
        PasswordError::TooShort { min } => {
            Some(format!("Password must be at least {min} characters.").into())
        }
        // The form reports it for every field.
        PasswordError::Nul => None,
        PasswordError::Common => Some("This password is too common.".into()),
    };
    Password::parse(text).map_err(|broken| broken.into_iter().filter_map(describe).collect())
}

fn taken_errors(taken: Taken) -> impl Iterator<Item = (&'static str, Text)> {
    let username =
        taken.username.then(|| ("username", "A user with that username already exists.".into()));
    let email = taken.email.then(|| ("email", "This email is already in use.".into()));
    username.into_iter().chain(email)
}

/// `POST /accounts/api/token/`
pub(crate) async fn sign_in(mut call: Call) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&["username", "password"]).await?;
    let username = form.text("username", Required, |text| Ok(text.to_owned()));
    let password = form.text("password", Required, |text| Ok(Password::claimed(text)));
    let (username, password) = form.finish(username.zip(password))?;

    let address = call.state.proxies.client(&call.request);
    let command = SignInCommand { username, password, address, audience: Audience::Compat };
    match call.state.accounts.sign_in(command).await {
        Ok(pair) => Ok(tokens(StatusCode::OK, &pair)),
        Err(SignInError::NoActiveAccount) => {
            let detail = "No active account found with the given credentials";
            Err(Failure::detail(StatusCode::UNAUTHORIZED, detail))
        }
        Err(SignInError::Limited(wait)) => Err(Failure::Limited(wait)),
        Err(SignInError::Busy(_)) => Err(Failure::unavailable()),
        Err(SignInError::Backend(cause)) => Err(cause.into()),
    }
}

/// `POST /accounts/api/token/refresh/`
pub(crate) async fn refresh(mut call: Call) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&["refresh"]).await?;
    let token = form.text("refresh", Required, |text| Ok(text.to_owned()));
    let token = form.finish(token)?;

    match call.state.accounts.refresh(&token, Audience::Compat).await {
        Ok(pair) => Ok(tokens(StatusCode::OK, &pair)),
        Err(RefreshError::Token(error)) => Err(Failure::token(error)),
        Err(RefreshError::Spent) => Err(Failure::unauthorized(BLACKLISTED, "token_not_valid")),
        Err(RefreshError::NoAccount) => Err(Failure::unauthorized(
            "No active account found for the given token.",
            "no_active_account",
        )),
        Err(RefreshError::Backend(cause)) => Err(cause.into()),
    }
}

const BLACKLISTED: &str = "Token is blacklisted";

/// `POST /accounts/api/verify/`
pub(crate) async fn verify(mut call: Call) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&["token"]).await?;
    let token = form.text("token", Required, |text| Ok(text.to_owned()));
    let token = form.finish(token)?;

    match call.state.accounts.verify(&token).await {
        Ok(()) => Ok(json(StatusCode::OK, &serde_json::Map::new())),
        Err(VerifyError::Token(error)) => Err(Failure::token(error)),
        Err(VerifyError::Spent) => Err(Failure::non_field(BLACKLISTED)),
        Err(VerifyError::Backend(cause)) => Err(cause.into()),
    }
}

#[derive(Serialize)]
struct TokenPairResponse<'a> {
    refresh: &'a str,
    access: &'a str,
}

fn tokens(status: StatusCode, TokenPair { refresh, access }: &TokenPair) -> HttpResponse {
    json(status, &TokenPairResponse { refresh, access })
}
