//! Several processes on one environment. The child is this test binary, told by an environment variable to run one of the
//! `child_…` tests; without that variable those do nothing.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use provender_core::encoding::Cell;
use provender_core::model::{Value, ValueType};
use provender_core::registry::OnlineTable;
use provender_runtime::provider::{OnlineRow, Provider};
use provender_runtime::testing::{Bench, int, int_key, online_row, online_table, times};

use super::Folder;
use crate::{LocalOptions, LocalProvider};

const FOLDER: &str = "PROVENDER_TEST_FOLDER";
/// Rows that the child writes in one call; all have the same values, so that half a batch can be seen.
const BATCH: i64 = 50;

fn table() -> OnlineTable {
    online_table("shared", 1, &[(1, ValueType::Int64), (2, ValueType::String)])
}

/// A row of round `round`: both values, and the event time, tell the round.
fn row(key: i64, round: i64) -> OnlineRow {
    let text = Cell::Value(Value::String(format!("{round}{}", "-".repeat(200))));
    online_row(&table(), &int_key(key), times(round, None), &[int(round), text])
}

fn spawn(child: &str, folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("embedded::tests::processes::{child}"), "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    (process, output)
}

fn bench_of<'a>(folder: &'a Folder) -> Bench<'a> {
    Bench::new(folder, "p")
}

/// Writes round after round for ever, and prints the number of each round that is acknowledged.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
async fn child_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let provider = Arc::new(LocalProvider::open(LocalOptions::new("p", &folder)));
    let store = provider.online().unwrap();
    for round in 1.. {
        let rows: Vec<_> = (0..BATCH).map(|key| row(key, round)).chain([row(1_000 + round, round)]).collect();
        store.write(&table(), provender_runtime::provider::WriteMode::Newest, rows).await.unwrap();
        println!("acknowledged {round}");
    }
}

fn round_of(line: &str) -> Option<i64> {
    line.rsplit_once("acknowledged ")?.1.trim().parse().ok()
}

#[tokio::test]
async fn a_reader_sees_whole_batches_while_another_process_writes() {
    let folder = Folder::new();
    bench_of(&folder).create(&table()).await;
    let (mut writer, mut output) = spawn("child_writer", folder.0.path());
    let mut line = String::new();
    while round_of(&line).is_none() {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the writer ended");
    }
    let drain = std::thread::spawn(move || {
        let mut rest = String::new();
        // The last line may be cut off by the kill.
        let _ = output.read_to_string(&mut rest);
    });
    let bench = bench_of(&folder);
    let keys: Vec<_> = (0..BATCH).map(int_key).collect();
    let (mut last, mut seen) = (0, 0);
    for _ in 0..3_000 {
        let rows = bench.read(&table(), &keys).await;
        let rounds: Vec<_> =
            rows.iter().map(|row| row.as_ref().unwrap().header().event_time.as_nanos()).collect();
        let round = rounds[0];
        assert!(rounds.iter().all(|other| *other == round), "half a batch was seen");
        assert!(round >= last, "an older state was seen");
        for (key, found) in (0..).zip(rows) {
            assert_eq!(found.unwrap(), row(key, round).row, "a torn row");
        }
        seen += i32::from(round > last);
        last = round;
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    drain.join().unwrap();
    assert!(seen > 3, "the writer got on while it was read: {seen}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let folder = Folder::new();
    bench_of(&folder).create(&table()).await;
    let mut newest = 0;
    for attempt in 0..20_u64 {
        let (mut writer, output) = spawn("child_writer", folder.0.path());
        let listener = std::thread::spawn(move || {
            output.lines().map_while(Result::ok).filter_map(|line| round_of(&line)).last().unwrap_or(0)
        });
        std::thread::sleep(Duration::from_millis(20 + attempt * 7));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let acknowledged = listener.join().unwrap();
        let bench = bench_of(&folder);
        let all: Vec<_> = (1..=acknowledged).map(|round| int_key(1_000 + round)).collect();
        for (round, found) in (1..).zip(bench.read(&table(), &all).await) {
            assert_eq!(
                found,
                Some(row(1_000 + round, round).row),
                "round {round} was acknowledged and is lost"
            );
        }
        let keys: Vec<_> = (0..BATCH).map(int_key).collect();
        let rows = bench.read(&table(), &keys).await;
        let round = rows[0].as_ref().map_or(0, |row| row.header().event_time.as_nanos());
        assert!(round >= acknowledged.max(newest), "went back from {} to {round}", acknowledged.max(newest));
        if round > 0 {
            for (key, found) in (0..).zip(rows) {
                assert_eq!(found, Some(row(key, round).row), "half a batch, or a torn row");
            }
        }
        newest = round;
    }
    assert!(newest > 0, "the writer never got to write");
    // The lock of a killed writer does not stop the next one.
    bench_of(&folder).write(&table(), &[row(0, i64::MAX)]).await;
}
