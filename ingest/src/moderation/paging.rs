//! Which page of a list somebody wants.

use std::str::FromStr;

use common::{
    ids::{ActionId, UserId},
    problem::{FieldError, Problem},
};
use serde::Deserialize;
use utoipa::IntoParams;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// The query's fields; what they may be is checked when they are asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Paging {
    limit: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// [`Paging`] of a list by user.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Paging::after` takes")]
pub(crate) struct ByUser {
    /// Entries of a page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// Only what comes behind this user: an earlier page's `next`.
    #[param(value_type = UserId, inline, required = false)]
    after: Option<String>,
}

/// [`Paging`] of a list with the newest first.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Paging::before` takes")]
pub(crate) struct NewestFirst {
    /// Entries of a page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// Only what is older than this entry: an earlier page's `next`.
    #[param(value_type = ActionId, inline, required = false)]
    before: Option<String>,
}

impl Paging {
    /// How many, and behind which.
    pub(crate) fn after<T: FromStr>(&self) -> Result<(usize, Option<T>), Problem> {
        Ok((self.limit()?, parse("after", self.after.as_deref())?))
    }

    /// How many, and older than which.
    pub(crate) fn before<T: FromStr>(&self) -> Result<(usize, Option<T>), Problem> {
        Ok((self.limit()?, parse("before", self.before.as_deref())?))
    }

    fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = &self.limit else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let why = || format!("must be a whole number from 1 to {LIMIT_MAX}");
        limit.ok_or_else(|| Problem::invalid(vec![FieldError { field: "limit", why: why() }]))
    }
}

fn parse<T: FromStr>(field: &'static str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let wrong = |_| {
        let why = "must be what an earlier page gave as `next`".to_owned();
        Problem::invalid(vec![FieldError { field, why }])
    };
    text.map(|text| text.parse().map_err(wrong)).transpose()
}
