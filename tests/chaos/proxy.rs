//! Our own fault proxies, one in every link: [`tcp`] knows bytes and connections, [`calls`] the
//! HTTP/2 calls between roles.

pub(crate) mod calls;
mod pipe;
pub(crate) mod tcp;
