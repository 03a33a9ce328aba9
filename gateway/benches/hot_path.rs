//! What a comment costs on its way through a gateway, step by step, without sockets and tasks.

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use gateway::micro;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode(&mut criterion);
    append(&mut criterion);
    pass(&mut criterion);
    parse(&mut criterion);
    criterion.final_summary();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    time(&mut group, "comment", 1, micro::encode_comment());
    time(&mut group, "head", 1, micro::encode_head());
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    time(&mut group, "comment", 1, micro::append_comment());
    time(&mut group, "batch_in_order", micro::BATCH_LEN, micro::push_in_order());
    group.finish();
}

fn pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pass");
    time(&mut group, "viewers_at_one_place", micro::VIEWERS, micro::pass_to_one_place());
    time(&mut group, "viewers_at_places_apart", micro::VIEWERS, micro::pass_to_places());
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    time(&mut group, "cursor", 1, micro::parse_cursor());
    time(&mut group, "query", 1, micro::parse_query());
    time(&mut group, "batch", micro::BATCH_LEN, micro::parse_batch());
    group.finish();
}

/// Times an operation on so many elements.
fn time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    elements: u64,
    mut operation: impl FnMut(),
) {
    group.throughput(Throughput::Elements(elements));
    group.bench_function(name, |bencher| bencher.iter(&mut operation));
}
