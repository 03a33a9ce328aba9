//! The composition root: the only place that names implementations.
//!
//! [`backends`] opens what the configuration asks for, [`system`] starts roles on it, [`public`] is
//! what every public socket has around its routes, [`demo`] a room that lives. The binary (`main.rs`, `cli`, `terminal`) and
//! the whole-system tests start the system with the same [`system::start`].

pub mod backends;
pub mod demo;
pub mod public;
pub mod system;
