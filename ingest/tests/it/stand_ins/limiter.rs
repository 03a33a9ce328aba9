//! A limiter that has no limits.

use async_trait::async_trait;
use common::limiter::{Ask, Limiter, LimiterError, Verdict};

pub(crate) struct Unlimited;

#[async_trait]
impl Limiter for Unlimited {
    async fn admit(&self, _: &Ask) -> Result<Verdict, LimiterError> {
        Ok(Verdict::Admitted)
    }
}
