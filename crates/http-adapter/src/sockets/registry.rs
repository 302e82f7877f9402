//! The sockets of one worker.

/// Keeps things in a row under numbers that are used again.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Registry<T> {
    /// Adds one; it stays until it is removed under the number returned.
    pub(crate) fn insert(&mut self, item: T) -> usize {
        if let Some(number) = self.free.pop()
            && let Some(place) = self.places.get_mut(number)
        {
            *place = Some(item);
            return number;
        }
        self.places.push(Some(item));
        self.places.len() - 1
    }

    pub(crate) fn remove(&mut self, number: usize) {
        if self.places.get_mut(number).and_then(Option::take).is_some() {
            self.free.push(number);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn numbers_are_used_again_and_removed_once() {
        let mut registry = Registry::default();
        let [a, b] = ["a", "b"].map(|item| registry.insert(item));

        registry.remove(a);
        registry.remove(a);
        let c = registry.insert("c");

        assert_eq!((c, registry.len()), (a, 2));
        registry.remove(b);
        assert_eq!(registry.iter().collect::<Vec<_>>(), [&"c"]);
    }
}
