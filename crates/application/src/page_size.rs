//! The size of pages in JSON, which may be six times that of their texts.

/// A page ends once its rows exceed this many bytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// Returns how many of these rows make a page, given their sizes. The row that exceeds
/// [`PAGE_BYTES`] is included, so that the largest passes too.
pub(crate) fn page_length(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fits = |size: &usize| {
        let fits = bytes <= PAGE_BYTES;
        bytes = bytes.saturating_add(*size);
        fits
    };
    sizes.into_iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::{PAGE_BYTES, page_length};

    #[test]
    fn a_page_ends_with_the_row_that_exceeds_its_size() {
        let cases: [(&[usize], usize); 5] = [
            (&[], 0),
            (&[1, 2, 3], 3),
            (&[PAGE_BYTES, 1, 1], 2),
            (&[PAGE_BYTES + 1, 1], 1),
            (&[usize::MAX, usize::MAX], 1),
        ];
        for (sizes, want) in cases {
            assert_eq!(page_length(sizes.iter().copied()), want, "{sizes:?}");
        }
    }
}
