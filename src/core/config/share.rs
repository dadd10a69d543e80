//! Work shared out over the processors, in order.

/// Parts of a list that weigh about the same, one for each processor; all of it in one part where it weighs less than
/// `alone`, which one thread does faster than two.
pub(super) fn shares<T>(items: &[T], alone: usize, weight: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let total: usize = items.iter().map(&weight).sum();
    let threads = if total < alone { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let mut shares = Vec::with_capacity(threads);
    let (mut start, mut sum) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        sum += weight(item);
        if sum * threads >= total * (shares.len() + 1) {
            shares.push(&items[start..=at]);
            start = at + 1;
        }
    }
    if start < items.len() {
        shares.push(&items[start..]);
    }
    shares
}

/// What `work` makes of each share, in order.
pub(super) fn on_all_processors<T: Sync, R: Send>(
    shares: &[&[T]],
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let [others @ .., last] = shares else { return Vec::new() };
    std::thread::scope(|threads| {
        let work = &work;
        let running: Vec<_> = others.iter().map(|share| threads.spawn(move || work(share))).collect();
        let last = work(last);
        let join = |thread: std::thread::ScopedJoinHandle<'_, R>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(join).collect::<Vec<_>>().into_iter().chain([last]).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_order_and_weigh_the_same() {
        let items: Vec<usize> = (0..1000).map(|item| if item < 500 { 1 } else { 9 }).collect();
        let parts = shares(&items, 100, |item| *item);
        assert_eq!(parts.concat(), items);
        let heaviest = parts.iter().map(|part| part.iter().sum::<usize>()).max().unwrap();
        assert!(heaviest <= 5000 / parts.len() + 9, "{heaviest}");
        assert_eq!(shares(&items, 10_000, |item| *item).len(), 1);
        assert!(shares(&[0_usize; 0], 0, |item| *item).is_empty());
        assert_eq!(shares(&[0_usize; 3], 0, |item| *item).concat().len(), 3);
        let sums = on_all_processors(&parts, |part| part.iter().sum::<usize>());
        assert_eq!(sums.iter().sum::<usize>(), 5000);
    }
}
