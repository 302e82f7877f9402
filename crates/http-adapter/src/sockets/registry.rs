//! A list that reuses its slots.

#[derive(Debug)]
pub(crate) struct Registry<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Registry<T> {
    /// Adds an item, and returns its slot.
    pub(crate) fn insert(&mut self, item: T) -> usize {
        if let Some(slot) = self.free.pop()
            && let Some(entry) = self.slots.get_mut(slot)
        {
            *entry = Some(item);
            return slot;
        }
        self.slots.push(Some(item));
        self.slots.len() - 1
    }

    pub(crate) fn remove(&mut self, slot: usize) {
        if self.slots.get_mut(slot).and_then(Option::take).is_some() {
            self.free.push(slot);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn slots_are_reused_and_freed_once() {
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
