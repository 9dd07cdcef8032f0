//! Archives that mean harm: each is refused, with the reason that fits.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use terrane_app::configuration_archives::check;
use terrane_domain::archive::ArchiveError;

/// A tar archive of whatever its author likes.
#[derive(Default)]
struct Pack(Vec<u8>);

const FILE: u8 = b'0';
const LINK: u8 = b'2';
const FOLDER: u8 = b'5';

struct Header<'a> {
    flag: u8,
    path: &'a [u8],
    prefix: &'a [u8],
    link: &'a [u8],
    mode: &'a [u8],
    size: Vec<u8>,
}

impl Pack {
    fn header(mut self, header: &Header<'_>) -> Self {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, header.path);
        put(100, header.mode);
        put(124, &header.size);
        put(148, b"        ");
        put(156, &[header.flag]);
        put(157, header.link);
        put(257, b"ustar\x0000");
        put(345, header.prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend_from_slice(&block);
        self
    }

    fn content(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn entry(self, flag: u8, path: &str, link: &str, mode: &str, content: &[u8]) -> Self {
        let size = format!("{:011o}", content.len()).into_bytes();
        let (path, link, mode) = (path.as_bytes(), link.as_bytes(), mode.as_bytes());
        self.header(&Header { flag, path, prefix: b"", link, mode, size }).content(content)
    }

    fn file(self, path: &str) -> Self {
        self.entry(FILE, path, "", "0000644", b"x")
    }

    fn folder(self, path: &str) -> Self {
        self.entry(FOLDER, path, "", "0000755", b"")
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.entry(LINK, path, target, "0000777", b"")
    }

    fn special(self, flag: u8) -> Self {
        self.entry(flag, "x", "y", "0000644", b"")
    }

    /// Extended records before the next entry (`x`) or for all (`g`).
    fn records(self, flag: u8, records: &[(&str, &str)]) -> Self {
        let mut content = Vec::new();
        for (name, value) in records {
            let rest = format!(" {name}={value}\n");
            let length = (1..10_000).find(|length| format!("{length}{rest}").len() == *length).unwrap();
            content.extend_from_slice(format!("{length}{rest}").as_bytes());
        }
        self.entry(flag, "records", "", "0000644", &content)
    }

    fn extended(self, records: &[(&str, &str)]) -> Self {
        self.records(b'x', records).file("x")
    }

    /// A name that is too long for a header, as GNU tar writes it.
    fn long(self, flag: u8, name: &str) -> Self {
        self.entry(flag, "././@LongLink", "", "0000644", format!("{name}\0").as_bytes())
    }

    fn end(mut self) -> Self {
        self.0.resize(self.0.len() + 1024, 0);
        self
    }

    fn packed(self) -> Vec<u8> {
        compressed(&self.end().0)
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    compressed_by(Compression::fast(), bytes)
}

fn compressed_by(level: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn with_size(flag: u8, size: &[u8]) -> Vec<u8> {
    let header = Header { flag, path: b"x", prefix: b"", link: b"y", mode: b"0000644", size: size.to_vec() };
    Pack::default().header(&header).content(b"").packed()
}

fn sound() -> Pack {
    Pack::default()
        .records(b'g', &[("comment", "0a1b2c")])
        .folder("./")
        .file("./main.tf")
        .folder("modules/")
        .long(b'L', &format!("modules/{}", "n".repeat(200)))
        .file("modules/n")
        .records(b'x', &[("path", "modules/späte.tf"), ("mtime", "1.5")])
        .file("modules/x")
        .link("modules/main.tf", "../main.tf")
        .entry(FILE, "run.sh", "", "0000755", b"#!/bin/sh")
}

fn reason(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Path(_) => "path",
        ArchiveError::LongPath(_) => "long",
        ArchiveError::Link { .. } => "link",
        ArchiveError::Kind(_) => "kind",
        ArchiveError::SetId(_) => "set-id",
        ArchiveError::Duplicate(_) => "twice",
        ArchiveError::Beneath(_) => "beneath",
        ArchiveError::Ambiguous { .. } => "ambiguous",
        ArchiveError::TooLarge(_) => "large",
        ArchiveError::Trailing => "trailing",
        ArchiveError::Broken(_) => "broken",
    }
}

fn climbing() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let file = |path: &str| Pack::default().file(path).packed();
    let raw = |path: &[u8], prefix: &[u8]| {
        let size = b"00000000000".to_vec();
        Pack::default().header(&Header { flag: FILE, path, prefix, link: b"", mode: b"0000644", size }).packed()
    };
    vec![
        ("a sibling of the root", "path", file("../x")),
        ("far up", "path", file("../../../../../../etc/passwd")),
        ("down and up", "path", file("a/../../x")),
        ("up within the root", "path", file("a/../x")),
        ("up behind a dot", "path", file("./../x")),
        ("up at the end", "path", file("a/..")),
        ("the folder above", "path", Pack::default().folder("../").packed()),
        ("an absolute path", "path", file("/etc/cron.d/x")),
        ("an absolute path with two slashes", "path", file("//etc/cron.d/x")),
        ("the root of all as a folder", "path", Pack::default().folder("/").packed()),
        ("no name", "path", file("")),
        ("the root as a file", "path", file(".")),
        ("the root as a link", "link", Pack::default().link(".", "..").packed()),
        ("no text", "path", raw(b"a\xff", b"")),
        ("a prefix that climbs", "path", raw(b"x", b"..")),
        ("an absolute prefix", "path", raw(b"x", b"/etc")),
        ("an extended path that climbs", "path", Pack::default().extended(&[("path", "../x")]).packed()),
        ("an extended absolute path", "path", Pack::default().extended(&[("path", "/etc/x")]).packed()),
        ("an extended path with a zero in it", "path", Pack::default().extended(&[("path", "a\0b")]).packed()),
        (
            "a long name that climbs",
            "path",
            Pack::default().long(b'L', &format!("{}x", "../".repeat(50))).file("x").packed(),
        ),
    ]
}

fn links() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let link = |path: &str, target: &str| Pack::default().link(path, target).packed();
    let up = format!("{}etc/passwd", "../".repeat(40));
    vec![
        ("a link to an absolute path", "link", link("x", "/etc/passwd")),
        ("a link to the folder above", "link", link("x", "..")),
        ("a link to a sibling of the root", "link", link("x", "../x")),
        ("a link from below to a sibling", "link", link("a/x", "../../x")),
        ("a link down and up", "link", link("a/x", "b/../../../x")),
        ("a link up through another link", "link", link("x", "s/s/../../x")),
        ("a link to nothing", "link", link("x", "")),
        ("a link to its folder by itself", "link", link("x", "a/..")),
        (
            "an extended link to an absolute path",
            "link",
            Pack::default().records(b'x', &[("linkpath", "/etc")]).link("x", "y").packed(),
        ),
        ("a long link that climbs", "link", Pack::default().long(b'K', &up).link("x", "y").packed()),
        ("a file through a link", "beneath", Pack::default().link("x", "a").file("x/y").packed()),
        ("a folder through a link", "beneath", Pack::default().link("x", "a").folder("x/y/").packed()),
        ("a link through a link", "beneath", Pack::default().link("x", "a").link("x/y", "..").packed()),
        ("a file through a deeper link", "beneath", Pack::default().link("a/x", "b").file("a/x/c/d").packed()),
        ("a file in the place of a link", "twice", Pack::default().link("x", "a").file("x").packed()),
        ("a folder in the place of a link", "twice", Pack::default().link("x", "a").folder("x/").packed()),
        ("a link in the place of a file", "twice", Pack::default().file("x").link("x", "a").packed()),
        ("a link in the place of a folder", "twice", Pack::default().folder("x/").link("x", "a").packed()),
        (
            "a link in the place of a folder that only its file names",
            "twice",
            Pack::default().file("x/y").link("x", "a").packed(),
        ),
        ("a hard link out", "kind", Pack::default().entry(b'1', "x", "/etc/passwd", "0000644", b"").packed()),
        ("a hard link within", "kind", Pack::default().file("y").special(b'1').packed()),
    ]
}

fn kinds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let special = |flag| Pack::default().special(flag).packed();
    let mode = |mode: &str| Pack::default().entry(FILE, "x", "", mode, b"x").packed();
    vec![
        ("a character device", "kind", special(b'3')),
        ("a block device", "kind", special(b'4')),
        ("a pipe", "kind", special(b'6')),
        ("an archive of several volumes", "kind", special(b'M')),
        ("the label of a volume", "kind", special(b'V')),
        ("a list of a folder", "kind", special(b'D')),
        ("access lists", "kind", special(b'A')),
        ("something new", "kind", special(b'Z')),
        (
            "a sparse file in extended records",
            "kind",
            Pack::default().extended(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")]).packed(),
        ),
        (
            "a sparse file with a name of its own",
            "kind",
            Pack::default().extended(&[("GNU.sparse.name", "../x")]).packed(),
        ),
        ("a set-user-id file", "set-id", mode("0004755")),
        ("a set-group-id file", "set-id", mode("0002755")),
        ("both", "set-id", mode("0006755")),
    ]
}

fn tricks() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let global = |name: &str, value: &str| Pack::default().records(b'g', &[(name, value)]).file("x").packed();
    let two = |first: &str, second: &str| Pack::default().file(first).file(second).packed();
    let records = |bytes: &[u8]| Pack::default().entry(b'x', "r", "", "0000644", bytes).file("x").packed();
    let mut wrong_sum = Pack::default().file("x");
    wrong_sum.0[0] = b'y';
    vec![
        ("one record twice", "ambiguous", Pack::default().extended(&[("path", "a"), ("path", "../b")]).packed()),
        ("a path for all", "ambiguous", global("path", "../x")),
        ("a link for all", "ambiguous", global("linkpath", "/etc")),
        ("a size for all", "ambiguous", global("size", "1024")),
        ("records without a length", "broken", records(b"path=../x\n")),
        ("records that are longer than they say", "broken", records(b"9 path=../../x\n")),
        ("a folder with content", "ambiguous", Pack::default().entry(FOLDER, "x/", "", "0000755", &[0; 512]).packed()),
        ("a link with content", "ambiguous", Pack::default().entry(LINK, "x", "y", "0000644", &[0; 512]).packed()),
        ("a negative size", "broken", with_size(FILE, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
        ("a size that is no number", "broken", with_size(FILE, b"zzzzzzzzzzz")),
        ("a wrong checksum", "broken", wrong_sum.packed()),
        ("one file twice", "twice", two("x", "x")),
        ("one file twice, once behind a dot", "twice", two("x", "./x")),
        ("one file twice, once with two slashes", "twice", two("a/b", "a//b")),
        ("a file in the place of a folder", "twice", two("x/y", "x")),
        ("a folder in the place of a file", "twice", Pack::default().file("x").folder("x/").packed()),
        ("a file beneath a file", "beneath", two("x", "x/y")),
    ]
}

fn sizes() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let long = |name: String| Pack::default().long(b'L', &name).file("x").packed();
    let zeros = Pack::default().entry(FILE, "x", "", "0000644", &vec![0; 32 << 20]).end().0;
    let zeros = compressed_by(Compression::best(), &zeros);
    let many = (0..100_001).fold(Pack::default(), |pack, number| pack.folder(&format!("{}/", number % 10)));
    let huge = |flag| Pack::default().entry(flag, "x", "", "0000644", &vec![b'a'; 2 << 20]).file("x").packed();
    vec![
        ("zeros", "large", zeros),
        ("an announced terabyte", "large", with_size(FILE, b"\x80\0\0\0\0\0\x01\0\0\0\0\0")),
        ("an extended size of a terabyte", "large", Pack::default().extended(&[("size", "1099511627776")]).packed()),
        ("too many entries", "large", many.packed()),
        ("a huge long name", "large", huge(b'L')),
        ("a huge long link", "large", huge(b'K')),
        ("huge records", "large", huge(b'x')),
        ("huge records for all", "large", huge(b'g')),
        ("a long path", "long", long("abcdefg/".repeat(600))),
        ("a long name", "long", long("n".repeat(256))),
        ("a deep path", "long", long("d/".repeat(129))),
    ]
}

fn ends() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut whole = sound().packed();
    let plain = sound().end().0;
    let (mut checksum, mut length) = (whole.clone(), whole.clone());
    let end = whole.len();
    checksum[end - 8] ^= 1;
    length[end - 4] ^= 1;
    let cut = whole[..end / 2].to_vec();
    let twice = [whole.clone(), whole.clone()].concat();
    let mut behind = sound().end();
    behind = behind.file("hidden");
    let mut rubbish = sound().end().0;
    rubbish.extend_from_slice(b"rubbish");
    whole.extend_from_slice(b"rubbish");
    vec![
        ("rubbish behind the archive", "trailing", whole),
        ("a second archive behind the first", "trailing", twice),
        ("an entry behind the end", "trailing", behind.packed()),
        ("rubbish behind the end", "trailing", compressed(&rubbish)),
        ("a cut archive", "broken", cut),
        ("a wrong checksum of all", "broken", checksum),
        ("a wrong length of all", "broken", length),
        ("no compression", "broken", plain),
        ("another format", "broken", b"PK\x03\x04 and so on".to_vec()),
        ("text", "broken", compressed(b"resource \"null_resource\" \"x\" {}\n".repeat(40).as_slice())),
        ("nothing", "broken", Vec::new()),
    ]
}

#[test]
fn hostile_archives_are_refused_for_what_is_wrong_with_them() {
    check(&mut sound().packed().as_slice()).expect("what is sound is taken, so that a refusal means something");
    let all = [climbing(), links(), kinds(), tricks(), sizes(), ends()].concat();
    assert!(all.len() >= 60, "{}", all.len());
    let mut wrong = Vec::new();
    for (name, wanted, archive) in all {
        match check(&mut archive.as_slice()) {
            Err(error) if reason(&error) == wanted && error.to_string().len() < 500 => {}
            judged => wrong.push(format!("{name}: {judged:?} instead of {wanted}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_archive_is_judged_alike_however_slowly_it_comes() {
    struct Slow<'a>(&'a [u8]);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }
    check(&mut Slow(&sound().packed())).unwrap();
    for (name, wanted, archive) in [climbing(), links(), kinds(), tricks(), ends()].concat() {
        let refusal = check(&mut Slow(&archive)).unwrap_err();
        assert_eq!(reason(&refusal), wanted, "{name}");
    }
}
