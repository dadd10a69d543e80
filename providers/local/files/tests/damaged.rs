//! Files that are broken, are something else than they say, or are nothing that can be read: each is read as what it is
//! or refused by name, never half.

use super::*;

const ID: [(&str, ValueType); 1] = [("id", ValueType::Int64)];

/// What a scan said: message, causes and hints in one line.
fn told(result: Result<Read, Error>) -> String {
    let Err(error) = result else { panic!("the scan succeeded") };
    format!("{} | {}", error.chain().join(": "), error.hints().join("; "))
}

fn whole_file(folder: &Path) -> Vec<u8> {
    let batch = table(vec![("id", ints((0..900).collect())), ("ts", nanos((0..900).map(Some).collect()))]);
    write_parquet(folder, "whole.parquet", &batch, 300);
    fs::read(folder.join("whole.parquet")).unwrap()
}

#[test]
fn text_that_is_no_table_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let cut = "the file ends inside of a quoted field";
    let parquet_bytes = whole_file(folder.path());
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("nothing", b"", &["the file is empty"]),
        ("an empty line", b"\n", &["has no column `id`"]),
        (
            "cut in a row",
            b"id,name,ts\n1,x,2026-01-01\n2,y",
            &["Expected 3 records, found 2 records at line 3"],
        ),
        (
            "cut in a field",
            b"id,name,ts\n1,x,2026-01-01\n2,y,2026-0",
            &["column `ts` of `f.csv`", "in row 2"],
        ),
        ("cut in a quoted field", b"id,ts,name\n1,2026-01-01,\"x", &[cut, "it was cut off"]),
        ("cut after its line end", b"id,ts,name\n1,2026-01-01,\"x\n", &[cut]),
        ("a quote that swallows rows", b"id,ts,name\n1,2026-01-01,\"x\n2,2026-01-01,y\n", &[cut]),
        ("Latin-1", b"id,name,ts\n1,caf\xe9,2026-01-01\n", &["field 1", "line 2", "must be UTF-8", "iconv"]),
        (
            "a character that a comma cuts in two",
            b"id,name,ts\n1\xef,\x83\xa8,2026-01-01\n",
            &["line 2", "must be UTF-8"],
        ),
        ("Latin-1 in the header", b"id,caf\xe9,ts\n1,x,2026-01-01\n", &["line 1", "must be UTF-8"]),
        ("UTF-16", b"\xff\xfei\0d\0,\0t\0s\0\n\0\x31\0,\0", &["must be UTF-8"]),
        ("a NUL in a number", b"id,ts\n1\0,2026-01-01\n", &["which is no int64 in row 1"]),
        ("header twice", b"id,ts\n1,2026-01-01\nid,ts\n2,2026-01-01\n", &["column `ts`", "in row 2"]),
        ("a name twice", b"id,ts,id\n1,2026-01-01,2\n", &["more than one column `id`", "rename or remove"]),
        ("the time twice", b"id,ts,ts\n1,2026-01-01,2026-01-02\n", &["more than one column `ts`"]),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc", &["it begins like a gzip file"]),
        ("Parquet", &parquet_bytes, &["it begins like a Parquet file"]),
        ("too many fields", b"id,ts\n1,2026-01-01,5\n", &["Expected 2 records, found 3 records at line 2"]),
        ("semicolons", b"id;ts\n1;2026-01-01\n", &["has no column `id`", "its columns are `id;ts`"]),
    ];
    for (what, bytes, expected) in cases {
        fs::write(folder.path().join("f.csv"), bytes).unwrap();
        let said = told(read_all(folder.path(), csv("f.csv"), &ID));
        assert!(said.contains("`f.csv`"), "{what}: {said}");
        for part in *expected {
            assert!(said.contains(part), "{what}: {said}");
        }
    }
}

/// Damage behind what a description looks at is found by the scan.
#[test]
fn text_that_breaks_late_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..200_000).map(|row| format!("{row},2026-01-01,x\n")).collect();
    for (end, expected) in [
        ("7,2026-01-01\n", "incorrect number of fields for line 200002, expected 3 got 2"),
        ("7,2026-01-01,\"x\n8,2026-01-01,x\n", "the file ends inside of a quoted field"),
        ("x,2026-01-01,x\n", "column `id` of `f.csv` is `x`, which is no int64 in row 200001"),
    ] {
        fs::write(folder.path().join("f.csv"), format!("id,ts,name\n{rows}{end}")).unwrap();
        let said = told(read_all(folder.path(), csv("f.csv"), &ID));
        assert!(said.contains(expected), "{said}");
    }
    // The second ends one row and begins the next with halves of one character.
    for end in [&b"7,2026-01-01,\xe9\n"[..], b"7,2026-01-01,\xc3\n\xa9,2026-01-01,x\n"] {
        let text = [format!("id,ts,name\n{rows}").as_bytes(), end].concat();
        fs::write(folder.path().join("f.csv"), text).unwrap();
        let name = [("name", ValueType::String)];
        let said = told(read_all(folder.path(), csv("f.csv"), &name));
        assert!(said.contains("UTF-8") && said.contains("iconv"), "{said}");
    }
}

#[test]
fn odd_text_is_read_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(3 << 20);
    let lines = "x\n".repeat(1 << 20);
    let wide: Vec<String> = (0..3_000).map(|column| format!("column_{column}")).collect();
    let cells = vec!["5"; 3_000].join(",");
    let cases: Vec<(&str, String, Vec<&str>)> = vec![
        ("a header alone", "id,name,ts\n".to_owned(), vec![]),
        ("a header without line end", "id,name,ts".to_owned(), vec![]),
        ("no line end at the end", "id,name,ts\n1,x,2026-01-01".to_owned(), vec!["x"]),
        (
            "CR LF",
            "id,name,ts\r\n1,x,2026-01-01\r\n2,\"y\r\n\",2026-01-01\r\n".to_owned(),
            vec!["x", "y\r\n"],
        ),
        ("CR", "id,name,ts\r1,x,2026-01-01\r2,y,2026-01-01\r".to_owned(), vec!["x", "y"]),
        ("empty lines", "id,name,ts\n\n1,x,2026-01-01\n\n\n".to_owned(), vec!["x"]),
        ("a closed quote at the end", "id,ts,name\n1,2026-01-01,\"x\"".to_owned(), vec!["x"]),
        ("a quote within a field", "id,ts,name\n1,2026-01-01,x\"y\n".to_owned(), vec!["x\"y"]),
        ("NUL", "id,name,ts\n1,x\0y,2026-01-01\n".to_owned(), vec!["x\0y"]),
        ("another name twice", "id,name,z,z,ts\n1,x,2,3,2026-01-01\n".to_owned(), vec!["x"]),
        ("a long field", format!("id,name,ts\n1,{long},2026-01-01\n"), vec![&long]),
        (
            "a long field of lines",
            format!("id,name,ts\n1,\"{lines}\",2026-01-01\n2,y,2026-01-01\n"),
            vec![&lines, "y"],
        ),
        ("a long header", format!("id,{long},name,ts\n1,x,y,2026-01-01\n"), vec!["y"]),
        ("many columns", format!("{},id,name,ts\n{cells},1,x,2026-01-01\n", wide.join(",")), vec!["x"]),
    ];
    for (what, text, expected) in cases {
        fs::write(folder.path().join("f.csv"), text).unwrap();
        let read = read_all(folder.path(), csv("f.csv"), &[("name", ValueType::String), ID[0].clone()]);
        let read = read.unwrap_or_else(|error| panic!("{what}: {:?}", error.chain()));
        let names = read.batch.column(0);
        let names: Vec<&str> = names.as_string::<i32>().iter().map(Option::unwrap).collect();
        assert!(names == expected, "{what}: {} rows", names.len());
    }
}

#[test]
fn parquet_that_is_none_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole_file(folder.path());
    let mut encrypted = whole.clone();
    *encrypted.last_mut().unwrap() = b'E';
    let cut = "it was cut off, or is still being written";
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("nothing", b"", &["the file is empty"]),
        ("the mark alone", b"PAR1", &["too small", cut]),
        ("cut by a byte", &whole[..whole.len() - 1], &[cut]),
        ("cut in half", &whole[..whole.len() / 2], &[cut]),
        ("without its beginning", &whole[1_000..], &["not a Parquet file that can be read"]),
        ("text", b"id,ts\n1,2026-01-01\n", &["say its `format`"]),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc", &["it begins like a gzip file"]),
        ("encrypted", &encrypted, &["encrypt"]),
    ];
    for (what, bytes, expected) in cases {
        fs::write(folder.path().join("f.parquet"), bytes).unwrap();
        let said = told(read_all(folder.path(), parquet("f.parquet"), &ID));
        for part in ["`f.parquet`"].iter().chain(*expected) {
            assert!(said.contains(part), "{what}: {said}");
        }
    }
}

/// Every beginning and every end of a file is refused.
#[test]
fn no_part_of_a_parquet_file_is_taken_for_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole_file(folder.path());
    for at in (1..whole.len()).step_by(97) {
        for part in [&whole[..at], &whole[at..]] {
            fs::write(folder.path().join("part.parquet"), part).unwrap();
            let said = told(read_all(folder.path(), parquet("part.parquet"), &ID));
            assert!(said.contains("`part.parquet`"), "byte {at}: {said}");
        }
    }
}

/// Any changed byte: an error or a table of all rows, with no panic that gets through. Pages have no checksum here, so a
/// value may be another.
#[test]
fn a_changed_byte_of_parquet_loses_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole_file(folder.path());
    let footer = whole.len() - 2_000;
    for at in (4..footer).step_by(131).chain((footer..whole.len()).step_by(7)) {
        for change in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fs::write(folder.path().join("f.parquet"), bytes).unwrap();
            if let Ok(read) = read_all(folder.path(), parquet("f.parquet"), &ID) {
                assert_eq!(read.batch.num_rows() + read.skipped as usize, 900, "byte {at} ^ {change:#x}");
            }
        }
    }
}

/// Where pages have checksums, a changed byte of a value is an error and never another value.
#[test]
fn a_changed_byte_of_a_page_with_a_checksum_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let whole = include_bytes!("../../../../fixtures/tables/checksums.parquet");
    let ids = |bytes: &[u8]| {
        fs::write(folder.path().join("f.parquet"), bytes).unwrap();
        let read = read_all(folder.path(), parquet("f.parquet"), &ID)?;
        Ok::<_, Error>(read.batch.column(0).as_primitive::<Int64Type>().values().to_vec())
    };
    assert_eq!(ids(whole).unwrap(), (0..900).collect::<Vec<_>>());
    // The values of a page lie as they are, so its bytes can be found.
    let first_page: Vec<u8> = (0..300_i64).flat_map(i64::to_le_bytes).collect();
    let start = whole.windows(first_page.len()).position(|bytes| bytes == first_page).unwrap();
    for at in (start..start + first_page.len()).step_by(101) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x10;
        let said = ids(&bytes).unwrap_err().chain().join(": ");
        assert!(said.contains("`f.parquet`") && said.contains("CRC"), "byte {at}: {said}");
    }
}
