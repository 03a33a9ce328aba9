//! The tests' stand-in for chorus as a process of its own, to measure what `bench` itself can do:
//! `cargo run --release -p chorus-bench --example stub -- 127.0.0.1:7070`

#![expect(clippy::print_stdout, reason = "a command that says where it listens")]

#[path = "../tests/it/stub.rs"]
#[expect(dead_code, reason = "the faults are for the tests")]
mod stub;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7070".to_owned());
    println!("listening on http://{}", stub::start(&address, stub::Fault::None)?);
    loop {
        std::thread::park();
    }
}
