//! Tables without lines that fit: what is too wide drops columns, and the long text of a row goes
//! below it, before anything is broken.

use anstyle::Style;
use textwrap::core::display_width;

use super::{folding, plain, style};

/// What happens to a column where the table is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays.
    Always,
    /// It goes where there is no room for it; the smallest number first.
    Until(u8),
    /// It takes what is left, and stands below its row where that is too little.
    Text,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// What happens to it where the table is too wide.
    pub keep: Keep,
}

/// A cell: one line of text in one style.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
    needless: bool,
}

impl Cell {
    /// A cell without a style.
    pub fn new(text: &str) -> Self {
        Self::styled(text, style::NONE)
    }

    /// A cell in this style.
    pub fn styled(text: &str, style: Style) -> Self {
        Self { text: plain(text).into_owned(), style, needless: false }
    }

    /// The same, but left out where it would stand below its row: the rest of the row says it.
    pub fn needless(self, needless: bool) -> Self {
        Self { needless, ..self }
    }
}

impl<T: std::fmt::Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(&text.to_string())
    }
}

/// Rows under titles.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// Rows as they are shown, each as one line or several.
#[derive(Debug)]
pub struct Shown {
    /// The titles.
    pub head: String,
    /// The rows.
    pub rows: Vec<String>,
}

/// Between two columns.
const GAP: usize = 2;
/// Beside the other columns, a text has at least this width, or needs no more.
const TEXT_MIN: usize = 36;
/// No column gets narrower than this.
const SQUEEZED: usize = 4;

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&'static str, Keep)]) -> Self {
        let columns = columns.iter().map(|&(title, keep)| Column { title, keep });
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell a column.
    pub fn add(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as it fits into `width`; everything on one line a row where that is `None`.
    pub fn show(&self, width: Option<usize>) -> Shown {
        let plan = self.plan(width);
        let titles = self.columns.iter().map(|one| Cell::styled(one.title, style::HEAD));
        Shown {
            // A title never stands below.
            head: Plan { below: None, ..plan.clone() }.row(&titles.collect::<Vec<_>>()),
            rows: self.rows.iter().map(|row| plan.row(row)).collect(),
        }
    }

    /// All of it.
    pub fn text(&self, width: Option<usize>) -> String {
        let Shown { head, mut rows } = self.show(width);
        rows.insert(0, head);
        rows.join("\n")
    }

    fn plan(&self, width: Option<usize>) -> Plan {
        let natural: Vec<_> = (0..self.columns.len()).map(|column| self.natural(column)).collect();
        let is_text = |&column: &usize| self.columns[column].keep == Keep::Text;
        let (texts, others): (Vec<_>, Vec<_>) = (0..self.columns.len()).partition(is_text);
        let beside = |column| (column, natural[column]);
        let mut fixed: Vec<_> = others.into_iter().map(beside).collect();
        let Some(width) = width else {
            fixed.extend(texts.into_iter().map(beside));
            return Plan { beside: fixed, below: None };
        };
        fixed.retain(|&(column, _)| self.says_something(column));
        let Some(&text) = texts.first() else {
            self.narrow(&mut fixed, width);
            return Plan { beside: fixed, below: None };
        };
        let left = width.saturating_sub(taken(&fixed) + GAP);
        if left >= natural[text].min(TEXT_MIN) {
            fixed.push((text, natural[text].min(left)));
            return Plan { beside: fixed, below: None };
        }
        self.narrow(&mut fixed, width);
        Plan { beside: fixed, below: Some((text, width)) }
    }

    /// How wide a column is by itself.
    fn natural(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| display_width(&cell.text));
        widths.max().unwrap_or(0).max(self.columns[column].title.len())
    }

    /// Whether a column has to stay, or holds more than dashes.
    fn says_something(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        let stays = matches!(self.columns[column].keep, Keep::Always | Keep::Text);
        stays || self.rows.is_empty() || cells.any(|cell| cell.text != "-")
    }

    /// Leaves out the columns for which there is no room, and squeezes those that have to stay.
    fn narrow(&self, columns: &mut Vec<(usize, usize)>, width: usize) {
        let rank = |&(column, _): &(usize, usize)| match self.columns[column].keep {
            Keep::Until(rank) => rank,
            Keep::Always | Keep::Text => u8::MAX,
        };
        let mut wanted = columns.clone();
        wanted.sort_by_key(|one| std::cmp::Reverse(rank(one)));
        let mut room = width + GAP;
        wanted.retain(|one| {
            let left = room.checked_sub(one.1 + GAP);
            room = left.unwrap_or(if rank(one) == u8::MAX { 0 } else { room });
            left.is_some() || rank(one) == u8::MAX
        });
        columns.retain(|one| wanted.contains(one));
        while taken(columns) > width {
            match columns.iter_mut().max_by_key(|(_, width)| *width) {
                Some((_, width)) if *width > SQUEEZED => *width -= 1,
                Some(_) | None => return,
            }
        }
    }
}

fn taken(columns: &[(usize, usize)]) -> usize {
    let gaps = columns.len().saturating_sub(1) * GAP;
    columns.iter().map(|(_, width)| width).sum::<usize>() + gaps
}

/// Which columns stand beside each other, each with its width, and which one below, in how much.
#[derive(Clone, Debug)]
struct Plan {
    beside: Vec<(usize, usize)>,
    below: Option<(usize, usize)>,
}

impl Plan {
    fn row(&self, cells: &[Cell]) -> String {
        let columns: Vec<_> = self
            .beside
            .iter()
            .filter_map(|&(column, width)| cells.get(column).map(|cell| (cell, width)))
            .map(|(cell, width)| (cell, width, folded(&cell.text, width)))
            .collect();
        let height = columns.iter().map(|(.., lines)| lines.len()).max().unwrap_or(0);
        let mut out: Vec<_> = (0..height).map(|line| Self::line(&columns, line)).collect();
        let below = self.below.and_then(|(column, width)| Some((cells.get(column)?, width)));
        if let Some((cell, width)) = below.filter(|(cell, _)| !cell.needless) {
            let lines = folded(&cell.text, width.saturating_sub(GAP).max(1));
            out.extend(lines.iter().map(|line| format!("  {}", style::paint(cell.style, line))));
        }
        out.join("\n")
    }

    fn line(columns: &[(&Cell, usize, Vec<String>)], line: usize) -> String {
        let mut out = String::new();
        let mut owed = 0;
        for (cell, width, lines) in columns {
            let text = lines.get(line).map_or("", String::as_str);
            if !text.is_empty() {
                out.push_str(&" ".repeat(owed));
                out.push_str(&style::paint(cell.style, text));
                owed = 0;
            }
            owed += width + GAP - display_width(text).min(*width);
        }
        out
    }
}

fn folded(text: &str, width: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    textwrap::wrap(text, folding(width)).into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            ("ID", Keep::Always),
            ("NAME", Keep::Until(1)),
            ("STATE", Keep::Always),
            ("WHY", Keep::Text),
        ]);
        let why = "the limit of one start in an hour is used up until ten o'clock";
        table.add(vec!["a1".into(), "größer".into(), "waits".into(), why.into()]);
        let why = Cell::new("as it should be").needless(true);
        table.add(vec!["b2".into(), "漢字".into(), "fine".into(), why]);
        table
    }

    #[test]
    fn without_a_width_each_row_is_one_whole_line() {
        let expected = "\
ID  NAME    STATE  WHY
a1  größer  waits  the limit of one start in an hour is used up until ten o'clock
b2  漢字    fine   as it should be";
        assert_eq!(bare(&table().text(None)), expected);
    }

    #[test]
    fn a_text_is_folded_beside_the_rest_while_there_is_room() {
        let expected = "\
ID  NAME    STATE  WHY
a1  größer  waits  the limit of one start in an hour is
                   used up until ten o'clock
b2  漢字    fine   as it should be";
        assert_eq!(bare(&table().text(Some(56))), expected);
    }

    #[test]
    fn then_it_goes_below_and_columns_drop() {
        let expected = "\
ID  NAME    STATE
a1  größer  waits
  the limit of one start in an
  hour is used up until ten
  o'clock
b2  漢字    fine";
        assert_eq!(bare(&table().text(Some(30))), expected);
        let expected = "\
ID  STATE
a1  waits
  the limit of
  one start in
  an hour is
  used up until
  ten o'clock
b2  fine";
        assert_eq!(bare(&table().text(Some(15))), expected);
    }

    #[test]
    fn at_last_the_widest_column_is_broken() {
        let mut table = Table::new(&[("ID", Keep::Always), ("STATE", Keep::Always)]);
        table.add(vec!["a-very-long-id".into(), "fine".into()]);
        assert_eq!(bare(&table.text(Some(15))), "ID        STATE\na-very-l  fine\nong-id");
        assert_eq!(table.show(Some(1)).rows.len(), 1);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 11..120 {
            for line in bare(&table().text(Some(width))).lines() {
                assert!(display_width(line) <= width, "{width}: {line}");
            }
        }
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }
}
