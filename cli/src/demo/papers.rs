//! The papers of the play: real PDF files of one page, written here. They name a pseudonym and offices, and nobody.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

/// Side of the square scan of a certificate, in points of one byte each: more than one chunk of a document's tree.
const SCAN_SIDE: u16 = 1200;

/// A page of text.
pub(super) fn page(title: &str, lines: &[String]) -> Vec<u8> {
    written(title, lines, None)
}

/// A page of text with a scan below it: grey bytes that follow from `seed`, so that two runs differ.
pub(super) fn scanned(title: &str, lines: &[String], seed: u64) -> Vec<u8> {
    let side = usize::from(SCAN_SIDE);
    let mut state = seed | 1;
    let mut scan = Vec::with_capacity(side * side);
    for at in 0..side * side {
        // xorshift64: looks like paper, and does not compress.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [noise, ..] = state.to_le_bytes();
        let ruled = if (at / side) % 40 == 0 { 96 } else { 0 };
        scan.push(255 - ruled - (noise & 31));
    }
    written(title, lines, Some(&scan))
}

fn written(title: &str, lines: &[String], scan: Option<&[u8]>) -> Vec<u8> {
    let (catalog, pages, page, font, content, image) =
        (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5), Ref::new(6));
    let (font_name, image_name) = (Name(b"F1"), Name(b"Scan"));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    // A4, in points.
    sheet.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(pages).contents(content);
    let mut resources = sheet.resources();
    resources.fonts().pair(font_name, font);
    if scan.is_some() {
        resources.x_objects().pair(image_name, image);
    }
    resources.finish();
    sheet.finish();
    // One of the fourteen fonts that every reader has.
    pdf.type1_font(font).base_font(Name(b"Helvetica"));
    let mut drawn = Content::new();
    drawn.begin_text().set_font(font_name, 18.0).next_line(72.0, 760.0).show(Str(title.as_bytes()));
    drawn.set_font(font_name, 11.0).next_line(0.0, -14.0);
    for line in lines {
        drawn.next_line(0.0, -18.0).show(Str(line.as_bytes()));
    }
    drawn.end_text();
    if scan.is_some() {
        drawn.save_state().transform([360.0, 0.0, 0.0, 360.0, 72.0, 120.0]).x_object(image_name);
        drawn.restore_state();
    }
    pdf.stream(content, &drawn.finish());
    if let Some(scan) = scan {
        let side = i32::from(SCAN_SIDE);
        let mut object = pdf.image_xobject(image, scan);
        object.width(side).height(side).bits_per_component(8);
        object.color_space().device_gray();
        object.finish();
    }
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_whole_pdf_and_a_scan_takes_two_chunks() {
        let lines = ["category: B".to_owned()];
        for (bytes, least) in
            [(page("Application", &lines), 500), (scanned("Certificate", &lines, 7), 1 << 20)]
        {
            assert!(bytes.starts_with(b"%PDF-1.") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
            assert!(bytes.len() > least, "{}", bytes.len());
            assert!(bytes.windows(11).any(|window| window == b"category: B"));
        }
        assert_ne!(scanned("Certificate", &lines, 7), scanned("Certificate", &lines, 8));
    }
}
