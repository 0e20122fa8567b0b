//! What one dialled string costs: it is read on the thread that signals every call.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rappel::dialplan::route::route;
use rappel::dialplan::rules::Rules;
use rappel::domain::call::Extension;

fn dialled(c: &mut Criterion) {
    let rules = Rules { extensions: ["11", "12", "13"].map(|e| Extension(e.to_owned())).to_vec(), ..Rules::default() };
    let from = Extension("11".to_owned());
    let mut group = c.benchmark_group("route");
    for (name, digits) in [
        ("emergency", "015"),
        ("outside", "00639980001"),
        ("keypad", "610639980001"),
        ("premium", "0899000001"),
        ("foreign", "00442079460000"),
        ("invalid", "00000000000000000000000000000000"),
    ] {
        group.bench_function(name, |b| b.iter(|| route(black_box(digits), &from, &rules)));
    }
    group.finish();
}

criterion_group!(benches, dialled);
criterion_main!(benches);
