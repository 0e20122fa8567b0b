//! The three forms of a list, written row by row: CSV for a spreadsheet, XLSX with text cells, JSON like the API. Knows no column.

use std::io::{self, Seek, Write};

use rust_xlsxwriter::{Format as CellFormat, Workbook, XlsxError};
use serde_json::Value;

use super::{ExportError, Format};

/// What spreadsheet programs know of UTF-8 without being told.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Rows of one XLSX sheet, its title aside.
const XLSX_ROWS: u32 = 1_048_575;
/// Width of the columns, in characters.
const XLSX_WIDTH: f64 = 18.0;

/// A file that can be written anywhere in it.
pub trait Target: Write + Seek + Send {}
impl<T: Write + Seek + Send> Target for T {}

pub enum Sheet<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Target>>),
    Xlsx { book: Box<Workbook>, row: u32, target: &'a mut dyn Target },
    Json { target: &'a mut dyn Target, rows: usize },
}

impl<'a> Sheet<'a> {
    /// Begins a list called `name` (in JSON its key) with these titles.
    pub fn begin(format: Format, name: &str, titles: &[&str], target: &'a mut dyn Target) -> Result<Sheet<'a>, ExportError> {
        match format {
            Format::Csv => {
                target.write_all(MARK)?;
                let mut writer = csv::WriterBuilder::new()
                    .delimiter(b';')
                    .quote_style(csv::QuoteStyle::Always)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(target);
                writer.write_record(titles).map_err(io::Error::from)?;
                Ok(Sheet::Csv(Box::new(writer)))
            }
            Format::Xlsx => {
                let mut book = Workbook::new();
                let sheet = book.add_worksheet_with_constant_memory()?;
                let bold = CellFormat::new().set_bold();
                for (column, title) in (0u16..).zip(titles) {
                    sheet.set_column_width(column, XLSX_WIDTH)?;
                    sheet.write_string_with_format(0, column, *title, &bold)?;
                }
                sheet.set_freeze_panes(1, 0)?;
                Ok(Sheet::Xlsx { book: Box::new(book), row: 0, target })
            }
            Format::Json => {
                write!(target, "{{\"{name}\":[")?;
                Ok(Sheet::Json { target, rows: 0 })
            }
        }
    }

    /// One row: its cells, or the object of the API.
    pub fn add(&mut self, cells: impl FnOnce() -> Vec<String>, object: impl FnOnce() -> Value) -> Result<(), ExportError> {
        match self {
            Sheet::Csv(writer) => writer.write_record(cells().iter().map(|cell| guarded(cell).into_owned())).map_err(io::Error::from)?,
            Sheet::Xlsx { book, row, .. } => {
                *row += 1;
                if *row > XLSX_ROWS {
                    return Err(ExportError::TooLong);
                }
                let sheet = book.worksheet_from_index(0)?;
                for (column, cell) in (0u16..).zip(cells()) {
                    sheet.write_string(*row, column, cell)?;
                }
            }
            Sheet::Json { target, rows } => {
                let comma = if *rows > 0 { "," } else { "" };
                *rows += 1;
                write!(target, "{comma}\n{}", object())?;
            }
        }
        Ok(())
    }

    pub fn end(self) -> Result<(), ExportError> {
        match self {
            Sheet::Csv(mut writer) => writer.flush()?,
            Sheet::Xlsx { mut book, target, .. } => book.save_to_writer(target)?,
            Sheet::Json { target, .. } => {
                target.write_all(b"\n]}\n")?;
                target.flush()?;
            }
        }
        Ok(())
    }
}

impl From<XlsxError> for ExportError {
    fn from(error: XlsxError) -> ExportError {
        match error {
            XlsxError::IoError(error) => ExportError::Write(error),
            other => ExportError::Write(io::Error::other(other)),
        }
    }
}

/// A cell that a spreadsheet would run as a formula is kept as text by an apostrophe.
fn guarded(cell: &str) -> std::borrow::Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn written(format: Format, rows: &[&str]) -> Vec<u8> {
        let mut target = Cursor::new(Vec::new());
        let mut sheet = Sheet::begin(format, "calls", &["nom"], &mut target).unwrap();
        for row in rows {
            sheet.add(|| vec![(*row).to_owned()], || Value::from(*row)).unwrap();
        }
        sheet.end().unwrap();
        target.into_inner()
    }

    #[test]
    fn csv_has_its_mark_quotes_everything_and_runs_nothing() {
        let rows = ["Zoé", "=HYPERLINK(\"x\")", "+33", "-1", "@SUM", "\tx", "\rx", "a;b\"c", "'=1", ""];
        let text = String::from_utf8(written(Format::Csv, &rows)).unwrap();
        let wanted = "\u{feff}\"nom\"\r\n\"Zoé\"\r\n\"'=HYPERLINK(\"\"x\"\")\"\r\n\"'+33\"\r\n\"'-1\"\r\n\"'@SUM\"\r\n\"'\tx\"\r\n\"'\rx\"\r\n\"a;b\"\"c\"\r\n\"'=1\"\r\n\"\"\r\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn json_is_the_object_of_the_api_with_any_number_of_rows() {
        for rows in [&[][..], &["a"], &["a", "=b"]] {
            let read: Value = serde_json::from_slice(&written(Format::Json, rows)).unwrap();
            assert_eq!(read, serde_json::json!({ "calls": rows }));
        }
    }

    #[test]
    fn xlsx_is_a_zip_without_a_formula() {
        let bytes = written(Format::Xlsx, &["=1+1"]);
        assert!(bytes.starts_with(b"PK\x03\x04"));
    }
}
