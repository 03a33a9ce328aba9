//! Whether all viewers of a video got the same, once and in one order: the order is what whoever is
//! ahead got, and each of the others only has a place in it.

/// No viewer has got that comment.
const NOWHERE: u32 = u32::MAX;

/// One for all videos: no comment is in two of them.
#[derive(Debug)]
pub(super) struct Orders {
    /// By video: the comments' numbers.
    videos: Vec<Vec<u32>>,
    /// By number: its place in its video.
    places: Vec<u32>,
    pub(super) mishaps: Mishaps,
}

/// What should never be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mishaps {
    /// Left out between two that came.
    pub(super) left_out: u64,
    /// Not after what came before: again, or late.
    pub(super) misplaced: u64,
}

impl Orders {
    pub(super) fn new(videos: usize, posts: u32) -> Self {
        let places = vec![NOWHERE; posts as usize];
        Self { videos: vec![Vec::new(); videos], places, mishaps: Mishaps::default() }
    }

    /// Of one video, whose comments are known to come by their numbers.
    pub(super) fn by_number(posts: u32) -> Self {
        let numbers = || (0..posts).collect::<Vec<_>>();
        Self { videos: vec![numbers()], places: numbers(), mishaps: Mishaps::default() }
    }

    /// A viewer of `video` who had `place` comments gets `number`.
    pub(super) fn next(&mut self, video: usize, place: &mut u32, number: u32) {
        let Some(known) = self.places.get_mut(number as usize) else { return };
        let order = &mut self.videos[video];
        if *known == NOWHERE {
            *known = u32::try_from(order.len()).unwrap_or(NOWHERE);
            order.push(number);
        }
        if *known < *place {
            self.mishaps.misplaced += 1;
        } else {
            self.mishaps.left_out += u64::from(*known - *place);
            *place = *known + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mishaps when viewers get these, one after another.
    fn mishaps(viewers: &[&[u32]]) -> Mishaps {
        let mut orders = Orders::new(1, 5);
        for viewer in viewers {
            let mut place = 0;
            viewer.iter().for_each(|number| orders.next(0, &mut place, *number));
        }
        orders.mishaps
    }

    #[test]
    fn any_one_order_is_right_when_all_have_it() {
        assert_eq!(mishaps(&[&[1, 0, 2], &[1, 0, 2], &[1], &[]]), Mishaps::default());
    }

    #[test]
    fn an_order_that_is_known_is_held_against_the_first_viewer_too() {
        let mut orders = Orders::by_number(3);
        let mut place = 0;
        [0, 2, 1].into_iter().for_each(|number| orders.next(0, &mut place, number));
        assert_eq!(orders.mishaps, Mishaps { left_out: 1, misplaced: 1 });
    }

    #[test]
    fn what_is_left_out_doubled_or_exchanged_is_counted() {
        assert_eq!(mishaps(&[&[0, 1, 2], &[0, 2]]), Mishaps { left_out: 1, misplaced: 0 });
        assert_eq!(mishaps(&[&[0, 1, 1]]), Mishaps { left_out: 0, misplaced: 1 });
        assert_eq!(mishaps(&[&[0, 1, 2], &[1, 0, 2]]), Mishaps { left_out: 1, misplaced: 1 });
    }
}
