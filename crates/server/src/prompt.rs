//! Names and passwords from the person at the terminal, or from variables.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::{cli::NewSuperuser, settings::Secret};

/// Whom to ask.
pub(crate) trait Person {
    /// Asks for a line that may be seen.
    fn line(&mut self, question: &str) -> io::Result<String>;

    /// Asks for a line that is not shown while it is typed.
    fn hidden_line(&mut self, question: &str) -> io::Result<String>;
}

/// The person at the terminal of this process.
pub(crate) struct Terminal;

impl Person for Terminal {
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
        Err(io::Error::other("there is no terminal to ask at"))
    }
}

/// Why what was needed did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    /// Nobody could be asked.
    #[error("{what} is needed; without a terminal, give it by {instead}")]
    NoAnswer { what: &'static str, instead: &'static str, source: io::Error },
    /// A slip in one of the two.
    #[error("the two passwords are not the same")]
    PasswordsDiffer,
}

/// Name, address and password of an account to make; not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SuperuserAnswers {
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password: Secret,
}

/// Takes what the command line and `CHAT_SUPERUSER_PASSWORD` say, and asks for
/// the rest.
pub(crate) fn superuser(
    given: NewSuperuser,
    password: Option<String>,
    person: &mut impl Person,
) -> Result<SuperuserAnswers, PromptError> {
    let username = given.username.map_or_else(|| ask(person, "Username", "--username"), Ok)?;
    let email = given.email.map_or_else(|| ask(person, "E-mail address", "--email"), Ok)?;
    let password = new_password(password, "CHAT_SUPERUSER_PASSWORD", person)?;
    Ok(SuperuserAnswers { username, email, password })
}

/// The password of the variable called `variable`, or one that was typed twice.
pub(crate) fn new_password(
    given: Option<String>,
    variable: &'static str,
    person: &mut impl Person,
) -> Result<Secret, PromptError> {
    if let Some(password) = given {
        return Ok(Secret::new(password));
    }
    let what = "a password";
    let no_answer = |source| PromptError::NoAnswer { what, instead: variable, source };
    let first = person.hidden_line("Password").map_err(no_answer)?;
    let second = person.hidden_line("Password, again").map_err(no_answer)?;
    if first == second { Ok(Secret::new(first)) } else { Err(PromptError::PasswordsDiffer) }
}

fn ask(
    person: &mut impl Person,
    what: &'static str,
    instead: &'static str,
) -> Result<String, PromptError> {
    person.line(what).map_err(|source| PromptError::NoAnswer { what, instead, source })
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, io};

    use super::{Person, PromptError, SuperuserAnswers, new_password, superuser};
    use crate::{cli::NewSuperuser, settings::Secret};

    /// Gives its answers in order, and has no more.
    struct Script(VecDeque<&'static str>);

    impl Script {
        fn new(answers: &[&'static str]) -> Self {
            Self(answers.iter().copied().collect())
        }
    }

    impl Person for Script {
        fn line(&mut self, _question: &str) -> io::Result<String> {
            self.0.pop_front().map(str::to_owned).ok_or_else(|| io::Error::other("nobody there"))
        }

        fn hidden_line(&mut self, question: &str) -> io::Result<String> {
            self.line(question)
        }
    }

    #[test]
    fn what_is_given_is_not_asked_for() {
        let given =
            NewSuperuser { username: Some("anna".into()), email: Some("a@example.com".into()) };

        let answers = superuser(given, Some("pw".into()), &mut Script::new(&[])).unwrap();

        let want = SuperuserAnswers {
            username: "anna".into(),
            email: "a@example.com".into(),
            password: Secret::new("pw"),
        };
        assert_eq!(answers, want);
    }

    #[test]
    fn what_is_not_given_is_asked_for_and_the_password_twice() {
        let given = NewSuperuser { username: None, email: None };
        let mut person = Script::new(&["anna", "a@example.com", "pw", "pw"]);

        let answers = superuser(given, None, &mut person).unwrap();

        assert_eq!((answers.username.as_str(), answers.email.as_str()), ("anna", "a@example.com"));
        assert_eq!(answers.password.expose(), "pw");
    }

    #[test]
    fn two_passwords_that_differ_are_none() {
        let got = new_password(None, "CHAT_PASSWORD", &mut Script::new(&["one", "two"]));

        assert!(matches!(got, Err(PromptError::PasswordsDiffer)), "{got:?}");
    }

    #[test]
    fn without_a_person_the_way_around_is_told() {
        let got = new_password(None, "CHAT_PASSWORD", &mut Script::new(&[]));

        let told = got.unwrap_err().to_string();
        assert_eq!(told, "a password is needed; without a terminal, give it by CHAT_PASSWORD");
    }
}
