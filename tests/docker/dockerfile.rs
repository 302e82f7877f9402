//! docker/Dockerfile, as instructions.

/// One instruction: its name, and the words behind it.
#[derive(Debug, Clone)]
pub(crate) struct Instruction {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What stands between one `FROM` and the next, both `FROM`s included first.
#[derive(Debug)]
pub(crate) struct Stage(Vec<Instruction>);

impl Stage {
    /// The texts of all instructions of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|i| i.name == name).map(|i| i.text.as_str()).collect()
    }

    /// The text of the only instruction of this name.
    pub(crate) fn one(&self, name: &str) -> &str {
        match self.all(name).as_slice() {
            [one] => one,
            others => panic!("one {name} is wanted, not {others:?}"),
        }
    }

    /// The variables that it sets.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let words = self.all("ENV").into_iter().flat_map(str::split_whitespace);
        let pairs = words.map(|word| word.split_once('=').expect("NAME=value"));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The words of an instruction in its JSON form.
pub(crate) fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The stages in their order.
pub(crate) fn stages(text: &str) -> Vec<Stage> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let mut stages: Vec<Stage> = Vec::new();
    for line in joined.lines().filter(|line| !line.trim().is_empty()) {
        let (name, text) = line.split_once(' ').expect("an instruction has an argument");
        let instruction = Instruction { name: name.to_owned(), text: text.trim().to_owned() };
        if name == "FROM" {
            stages.push(Stage(Vec::new()));
        }
        stages.last_mut().expect("FROM comes first").0.push(instruction);
    }
    stages
}
