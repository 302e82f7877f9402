//! docker/nginx.conf, as directives.

/// Every directive's words, from the outermost block to the innermost.
pub(crate) struct Directives(Vec<Vec<String>>);

impl Directives {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let text = lines.collect::<Vec<_>>().join(" ");
        let each = text
            .split([';', '{', '}'])
            .map(|directive| directive.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        Self(each.filter(|words| !words.is_empty()).collect())
    }

    /// What stands behind each directive that begins with these words.
    pub(crate) fn all(&self, begin: &[&str]) -> Vec<String> {
        let matching = self.0.iter().filter(|words| {
            words.len() > begin.len() && words.iter().zip(begin).all(|(word, want)| word == want)
        });
        matching.map(|words| words[begin.len()..].join(" ")).collect()
    }

    /// What stands behind the only directive that begins with these words.
    pub(crate) fn one(&self, begin: &[&str]) -> String {
        match self.all(begin).as_slice() {
            [one] => one.clone(),
            others => panic!("one {begin:?} is wanted, not {others:?}"),
        }
    }
}
