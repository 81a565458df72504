//! Builds any ZIP, right or wrong, from fields: knows nothing of the code under test.

/// The fields that both headers of an entry have.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) signature: u32,
    pub(super) needed: u16,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u16,
    pub(super) date: u16,
    pub(super) crc: u32,
    pub(super) held: u32,
    pub(super) size: u32,
    pub(super) name: Vec<u8>,
    pub(super) extra: Vec<u8>,
}

impl Header {
    fn bytes(&self, central: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for value in [self.needed, self.flags, self.method, self.time, self.date] {
            out.extend(value.to_le_bytes());
        }
        for value in [self.crc, self.held, self.size] {
            out.extend(value.to_le_bytes());
        }
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((self.extra.len() as u16).to_le_bytes());
        if !central {
            out.extend(&self.name);
            out.extend(&self.extra);
        }
        out
    }
}

/// One entry: its two headers, and what lies after the local one.
#[derive(Clone)]
pub(super) struct Raw {
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) data: Vec<u8>,
    pub(super) after: Vec<u8>,
    pub(super) made_by: u16,
    pub(super) comment: Vec<u8>,
    pub(super) disk: u16,
    pub(super) internal: u16,
    pub(super) attributes: u32,
    pub(super) offset: Option<u32>,
    pub(super) in_directory: bool,
    pub(super) in_body: bool,
}

impl Raw {
    /// Changes both headers.
    pub(super) fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A stored file of mode 644 that is right in every field.
pub(super) fn stored(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Raw {
    let (name, data) = (name.as_ref().to_vec(), content.as_ref().to_vec());
    let length = data.len() as u32;
    let local = Header {
        signature: 0x0403_4b50,
        needed: 10,
        flags: if name.is_ascii() { 0 } else { 0x800 },
        method: 0,
        time: 0,
        date: 0x21,
        crc: crc32fast::hash(&data),
        held: length,
        size: length,
        name,
        extra: Vec::new(),
    };
    let central = Header { signature: 0x0201_4b50, ..local.clone() };
    Raw {
        local,
        central,
        data,
        after: Vec::new(),
        made_by: 0x0314,
        comment: Vec::new(),
        disk: 0,
        internal: 0,
        attributes: 0o100_644 << 16,
        offset: None,
        in_directory: true,
        in_body: true,
    }
}

/// A deflated file of mode 644.
pub(super) fn deflated(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Raw {
    let content = content.as_ref();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut encoder, content).expect("to memory");
    let held = encoder.finish().expect("to memory");
    let (crc, size) = (crc32fast::hash(content), content.len() as u32);
    stored(name, &held).both(|header| {
        (header.method, header.needed) = (8, 20);
        (header.crc, header.size) = (crc, size);
    })
}

/// A whole archive.
#[derive(Clone, Default)]
pub(super) struct Archive {
    pub(super) prefix: Vec<u8>,
    pub(super) entries: Vec<Raw>,
    pub(super) before_directory: Vec<u8>,
    pub(super) before_end: Vec<u8>,
    /// Changes the fixed part of the end record: offset and byte.
    pub(super) end: Vec<(usize, u8)>,
    pub(super) comment: Vec<u8>,
    pub(super) suffix: Vec<u8>,
}

impl Archive {
    /// The tag, the commit and these entries, sorted by name as they stand.
    pub(super) fn of(entries: impl IntoIterator<Item = Raw>) -> Self {
        let own = [stored(".skillmeat/tag", super::TAG), stored(".skillmeat/commit", super::COMMIT)];
        let mut entries: Vec<_> = own.into_iter().chain(entries).collect();
        entries.sort_by(|a, b| a.central.name.cmp(&b.central.name));
        Self { entries, ..Self::default() }
    }

    /// The bytes: offsets, counts and lengths as they are, unless a field says otherwise.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        let mut count = 0_u16;
        for entry in &self.entries {
            let offset = entry.offset.unwrap_or(out.len() as u32);
            if entry.in_body {
                out.extend(entry.local.signature.to_le_bytes());
                out.extend(entry.local.bytes(false));
                out.extend(&entry.data);
                out.extend(&entry.after);
            }
            if entry.in_directory {
                count = count.wrapping_add(1);
                directory.extend(entry.central.signature.to_le_bytes());
                directory.extend(entry.made_by.to_le_bytes());
                directory.extend(entry.central.bytes(true));
                directory.extend((entry.comment.len() as u16).to_le_bytes());
                directory.extend(entry.disk.to_le_bytes());
                directory.extend(entry.internal.to_le_bytes());
                directory.extend(entry.attributes.to_le_bytes());
                directory.extend(offset.to_le_bytes());
                directory.extend(&entry.central.name);
                directory.extend(&entry.central.extra);
                directory.extend(&entry.comment);
            }
        }
        out.extend(&self.before_directory);
        let start = out.len() as u32;
        out.extend(&directory);
        out.extend(&self.before_end);
        let mut end = Vec::new();
        end.extend(0x0605_4b50_u32.to_le_bytes());
        end.extend([0; 4]);
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend((directory.len() as u32).to_le_bytes());
        end.extend(start.to_le_bytes());
        end.extend((self.comment.len() as u16).to_le_bytes());
        self.end.iter().for_each(|(at, byte)| end[*at] = *byte);
        out.extend(end);
        out.extend(&self.comment);
        out.extend(&self.suffix);
        out
    }
}
