//! Every delivery, as it comes: was it its turn, and how late was it.

use anyhow::Result;

use super::order::Orders;
use super::stand::Note;
use crate::latency::Latency;

pub(super) struct Ledger {
    pub(super) orders: Orders,
    pub(super) latency: Latency,
    pub(super) deliveries: u64,
    /// By number: when it is due.
    dues_us: Vec<u64>,
    /// When the last delivery came.
    pub(super) last_us: u64,
}

impl Ledger {
    pub(super) fn new(videos: usize, posts: u32) -> Result<Self> {
        Ok(Self {
            orders: Orders::new(videos, posts),
            latency: Latency::new()?,
            deliveries: 0,
            dues_us: Vec::new(),
            last_us: 0,
        })
    }

    /// From now on comments are due at these times.
    pub(super) fn begin(&mut self, dues_us: Vec<u64>) {
        self.last_us = dues_us.first().copied().unwrap_or_default();
        self.dues_us = dues_us;
    }

    /// Deliveries but for those that came again or too late.
    pub(super) fn in_turn(&self) -> u64 {
        self.deliveries - self.orders.mishaps.misplaced
    }

    pub(super) fn due_us(&self, number: u32) -> Option<u64> {
        self.dues_us.get(number as usize).copied()
    }
}

impl Note for Ledger {
    fn note(&mut self, video: usize, place: &mut u32, number: u32, now_us: u64) {
        let Some(due_us) = self.due_us(number) else { return };
        self.orders.next(video, place, number);
        self.latency.add(now_us.saturating_sub(due_us));
        self.deliveries += 1;
        self.last_us = now_us;
    }
}
