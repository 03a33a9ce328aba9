//! The composition root: the only place that names implementations.
//!
//! [`backends`] opens what the configuration asks for, [`system`] starts roles on it, [`public`] is
//! what every public socket has around its routes, [`openapi`] what they say of themselves, [`demo`] a
//! room that lives. The binary (`main.rs`, `cli`, `terminal`) and the whole-system tests start the
//! system with the same [`system::start`].

pub mod backends;
pub mod demo;
pub mod openapi;
pub mod public;
pub mod system;
