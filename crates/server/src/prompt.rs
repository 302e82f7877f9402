//! Reads names and passwords from the terminal or from variables.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::{commands::NewSuperuser, settings::Secret};

pub(crate) trait Prompt {
    fn line(&mut self, question: &str) -> io::Result<String>;

    /// Reads a line without echoing it.
    fn hidden_line(&mut self, question: &str) -> io::Result<String>;
}

/// The terminal of this process.
pub(crate) struct Terminal;

impl Prompt for Terminal {
    fn line(&mut self, question: &str) -> io::Result<String> {
        require_terminal()?;
        let mut stderr = io::stderr();
        write!(stderr, "{question}: ")?;
        stderr.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    }

    fn hidden_line(&mut self, question: &str) -> io::Result<String> {
        require_terminal()?;
        rpassword::prompt_password(format!("{question}: "))
    }
}

fn require_terminal() -> io::Result<()> {
    if io::stdin().is_terminal() {
        Ok(())
    } else {
        Err(io::Error::other("standard input is not a terminal"))
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("{what} is needed; without a terminal, give it by {instead}")]
    NoAnswer { what: &'static str, instead: &'static str, source: io::Error },
    #[error("the two passwords are not the same")]
    PasswordsDiffer,
}

/// Not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SuperuserAnswers {
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password: Secret,
}

/// Takes the answers of the command line and `CHAT_SUPERUSER_PASSWORD`, and asks for the rest.
pub(crate) fn superuser(
    given: NewSuperuser,
    password: Option<String>,
    prompt: &mut impl Prompt,
) -> Result<SuperuserAnswers, PromptError> {
    let username = given.username.map_or_else(|| ask(prompt, "Username", "--username"), Ok)?;
    let email = given.email.map_or_else(|| ask(prompt, "E-mail address", "--email"), Ok)?;
    let password = new_password(password, "CHAT_SUPERUSER_PASSWORD", prompt)?;
    Ok(SuperuserAnswers { username, email, password })
}

/// Takes the password from the variable `variable`, or asks the operator to type it twice.
pub(crate) fn new_password(
    given: Option<String>,
    variable: &'static str,
    prompt: &mut impl Prompt,
) -> Result<Secret, PromptError> {
    if let Some(password) = given {
        return Ok(Secret::new(password));
    }
    let what = "a password";
    let no_answer = |source| PromptError::NoAnswer { what, instead: variable, source };
    let first = prompt.hidden_line("Password").map_err(no_answer)?;
    let second = prompt.hidden_line("Password, again").map_err(no_answer)?;
    if first == second { Ok(Secret::new(first)) } else { Err(PromptError::PasswordsDiffer) }
}

fn ask(
    prompt: &mut impl Prompt,
    what: &'static str,
    instead: &'static str,
) -> Result<String, PromptError> {
    prompt.line(what).map_err(|source| PromptError::NoAnswer { what, instead, source })
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, io};

    use super::{Prompt, PromptError, SuperuserAnswers, new_password, superuser};
    use crate::{commands::NewSuperuser, settings::Secret};

    /// Returns these answers in order, and then fails.
    struct Answers(VecDeque<&'static str>);

    impl Answers {
        fn new(answers: &[&'static str]) -> Self {
            Self(answers.iter().copied().collect())
        }
    }

    impl Prompt for Answers {
        fn line(&mut self, _question: &str) -> io::Result<String> {
            self.0.pop_front().map(str::to_owned).ok_or_else(|| io::Error::other("no more answers"))
        }

        fn hidden_line(&mut self, question: &str) -> io::Result<String> {
            self.line(question)
        }
    }

    #[test]
    fn given_answers_are_not_asked_for() {
        let given =
            NewSuperuser { username: Some("anna".into()), email: Some("a@example.com".into()) };

        let answers = superuser(given, Some("pw".into()), &mut Answers::new(&[])).unwrap();

        let want = SuperuserAnswers {
            username: "anna".into(),
            email: "a@example.com".into(),
            password: Secret::new("pw"),
        };
        assert_eq!(answers, want);
    }

    #[test]
    fn missing_answers_are_asked_for_and_the_password_twice() {
        let given = NewSuperuser { username: None, email: None };
        let mut answers = Answers::new(&["anna", "a@example.com", "pw", "pw"]);

        let answers = superuser(given, None, &mut answers).unwrap();

        assert_eq!((answers.username.as_str(), answers.email.as_str()), ("anna", "a@example.com"));
        assert_eq!(answers.password.expose(), "pw");
    }

    #[test]
    fn two_passwords_that_differ_are_refused() {
        let got = new_password(None, "CHAT_PASSWORD", &mut Answers::new(&["one", "two"]));

        assert!(matches!(got, Err(PromptError::PasswordsDiffer)), "{got:?}");
    }

    #[test]
    fn without_a_terminal_the_error_names_the_variable() {
        let got = new_password(None, "CHAT_PASSWORD", &mut Answers::new(&[]));

        let error = got.unwrap_err().to_string();
        assert_eq!(error, "a password is needed; without a terminal, give it by CHAT_PASSWORD");
    }
}
