//! [`Brand`]: the customer's name, contact and colours, from `branding.toml`. What is wrong in it is told and left out; the rest counts.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::folder::{File, place};
use crate::model::Problem;

/// Its name in the folder of overrides.
pub const FILE: &str = "branding.toml";

/// Where text on a colour can be read (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;
/// The papers of the style sheet, on which links are written: the darker one of the light theme, the lighter one of the dark theme.
const LIGHT_PAPER: Color = Color([0xf3, 0xf5, 0xf8]);
const DARK_PAPER: Color = Color([0x22, 0x28, 0x31]);
const NAME_LENGTH: usize = 60;
const CONTACT_LENGTH: usize = 300;

/// How a OneDesk presents itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Its name, in the head of every page.
    pub name: String,
    /// Whom people ask: in words.
    pub contact: String,
    /// The same as a link, `https:`, `mailto:` or `tel:`.
    pub contact_url: String,
    /// The address of the logo.
    pub logo: Option<String>,
    accent: Option<Color>,
    accent_dark: Option<Color>,
}

impl Default for Brand {
    fn default() -> Self {
        let (contact, contact_url) = (String::new(), String::new());
        Self { name: "OneDesk".to_owned(), contact, contact_url, logo: None, accent: None, accent_dark: None }
    }
}

impl Brand {
    /// Reads the file, if there is one.
    pub fn read(file: Option<&File<Vec<u8>>>, problems: &mut Vec<Problem>) -> Self {
        let mut brand = Self::default();
        let Some(file) = file else { return brand };
        let mut reader = Reader { file, problems };
        let Ok(text) = std::str::from_utf8(&file.content) else {
            reader.tell(None, |place| Problem::told("branding.encoding", &[("place", &place)]));
            return brand;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match DeTable::parse(text) {
            Ok(table) => reader.top(&mut brand, text, table.get_ref()),
            Err(error) => {
                let message = error.message().replace('\n', ", ");
                let line = line_of(text, error.span().unwrap_or_default());
                reader.tell(line, |place| Problem::told("branding.malformed", &[("place", &place), ("error", &message)]));
            }
        }
        brand
    }

    /// The style sheet that brings its colours; empty where it has none.
    pub fn style(&self) -> String {
        let light = self.accent.map(|accent| block(accent, Color::BLACK));
        let dark = self.accent_dark.or(self.accent).map(|accent| block(accent, Color::WHITE));
        let mut style = String::new();
        if let Some(light) = light {
            style += &format!(":root {{\n{light}}}\n");
        }
        if let Some(dark) = dark {
            style += &format!("@media (prefers-color-scheme: dark) {{\n:root {{\n{dark}}}\n}}\n");
        }
        style
    }
}

/// A colour's variables; `toward` is what its pressed shade is mixed with.
fn block(accent: Color, toward: Color) -> String {
    format!("  --accent: {accent};\n  --accent-strong: {};\n  --on-accent: {};\n", accent.mixed(toward), accent.text_on_it())
}

struct Reader<'r> {
    file: &'r File<Vec<u8>>,
    problems: &'r mut Vec<Problem>,
}

impl Reader<'_> {
    fn top(&mut self, brand: &mut Brand, text: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("name", DeValue::String(name)) if is_line(name, NAME_LENGTH) => brand.name = name.to_string(),
                ("contact", DeValue::String(contact)) if is_line(contact, CONTACT_LENGTH) => brand.contact = contact.to_string(),
                ("contact_url", DeValue::String(url)) if is_contact(url) => brand.contact_url = url.to_string(),
                ("colors" | "colours", DeValue::Table(colors)) => self.colors(brand, text, colors),
                ("name", _) => {
                    self.tell(line_of(text, value.span()), |place| Problem::told("branding.name", &[("place", &place)]));
                }
                ("contact", _) => {
                    self.tell(line_of(text, value.span()), |place| Problem::told("branding.contact", &[("place", &place)]));
                }
                ("contact_url", _) => {
                    self.tell(line_of(text, value.span()), |place| Problem::told("branding.contact_url", &[("place", &place)]));
                }
                (other, _) => {
                    let key = short(other);
                    let line = line_of(text, name.span());
                    self.tell(line, |place| Problem::told("branding.key", &[("place", &place), ("key", &key)]));
                }
            }
        }
    }

    fn colors(&mut self, brand: &mut Brand, text: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let (slot, paper, theme) = match name.get_ref().as_ref() {
                "accent" => (&mut brand.accent, LIGHT_PAPER, Theme::Light),
                "accent_dark" => (&mut brand.accent_dark, DARK_PAPER, Theme::Dark),
                other => {
                    let key = short(other);
                    let line = line_of(text, name.span());
                    self.tell(line, |place| Problem::told("branding.colour_key", &[("place", &place), ("key", &key)]));
                    continue;
                }
            };
            let (key, line) = (name.get_ref(), line_of(text, value.span()));
            let Some(color) = color_in(value) else {
                self.tell(line, |place| Problem::told("branding.colour", &[("place", &place), ("key", key)]));
                continue;
            };
            *slot = Some(color);
            let contrast = color.contrast(paper);
            if contrast < READABLE {
                let contrast = format!("{contrast:.1}");
                self.tell(line, |place| match theme {
                    Theme::Light => Problem::told(
                        "branding.too_light",
                        &[("place", &place), ("key", key), ("contrast", &contrast), ("needed", &READABLE)],
                    ),
                    Theme::Dark => Problem::told(
                        "branding.too_dark",
                        &[("place", &place), ("key", key), ("contrast", &contrast), ("needed", &READABLE)],
                    ),
                });
            }
        }
        // A colour for the light theme alone shows in the dark theme too.
        if let (Some(accent), None) = (brand.accent, brand.accent_dark)
            && accent.contrast(DARK_PAPER) < READABLE
        {
            brand.accent_dark = Some(accent.lightened_for(DARK_PAPER));
        }
    }

    fn tell(&mut self, line: Option<u32>, problem: impl FnOnce(&str) -> Problem) {
        self.problems.push(problem(&place(&self.file.path, line)).at_line(line));
    }
}

/// Which of the pages a colour is for.
enum Theme {
    Light,
    Dark,
}

/// A key that somebody made up, quoted and not longer than a message bears.
fn short(key: &str) -> String {
    format!("{:?}", key.chars().take(40).collect::<String>())
}

fn color_in(value: &Spanned<DeValue<'_>>) -> Option<Color> {
    match value.get_ref() {
        DeValue::String(text) => Color::parse(text),
        _ => None,
    }
}

/// The line that a place in the text is on, from 1.
fn line_of(text: &str, span: Range<usize>) -> Option<u32> {
    let before = text.as_bytes().get(..span.start.min(text.len())).unwrap_or_default();
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).ok()
}

fn is_line(text: &str, longest: usize) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn is_contact(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| ["https", "mailto", "tel"].contains(&url.scheme()))
}

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl std::fmt::Display for Color {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self([red, green, blue]) = self;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Color {
    const BLACK: Self = Self([0; 3]);
    const WHITE: Self = Self([255; 3]);

    /// `#rgb` or `#rrggbb`, nothing else: it is written into a style sheet.
    fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.strip_prefix('#')?.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
        match digits[..] {
            [red, green, blue] => Some(Self([red * 17, green * 17, blue * 17])),
            [a, b, c, d, e, f] => Some(Self([a * 16 + b, c * 16 + d, e * 16 + f])),
            _ => None,
        }
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast ratio (WCAG 2.2), from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn text_on_it(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    /// An eighth of the way.
    fn mixed(self, toward: Self) -> Self {
        let part = |at: usize| u8::try_from((u16::from(self.0[at]) * 7 + u16::from(toward.0[at])) / 8).unwrap_or(u8::MAX);
        Self([part(0), part(1), part(2)])
    }

    fn lightened_for(self, paper: Self) -> Self {
        let mut color = self;
        for _ in 0..24 {
            if color.contrast(paper) >= READABLE {
                break;
            }
            color = color.mixed(Self::WHITE);
        }
        color
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Brand, Vec<String>) {
        let file = File { path: "/b.toml".into(), content: text.as_bytes().to_vec() };
        let mut problems = Vec::new();
        let brand = Brand::read(Some(&file), &mut problems);
        (brand, problems.into_iter().map(|problem| problem.title).collect())
    }

    #[test]
    fn name_contact_and_colours_are_taken() {
        let (brand, problems) = read(
            "name = \"Example Desk\"\ncontact = \"the desk\"\ncontact_url = \"mailto:desk@example.com\"\n[colors]\naccent = \"#7a1fa2\"\naccent_dark = \"#e0b0ff\"\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((brand.name.as_str(), brand.contact_url.as_str()), ("Example Desk", "mailto:desk@example.com"));
        assert!(brand.style().contains("--accent: #7a1fa2;") && brand.style().contains("--on-accent: #000000;"), "{}", brand.style());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_rest_counts() {
        for (text, title) in [
            ("name = 7\n", "/b.toml:1 has a name"),
            ("name = \"a\\nb\"\n", "/b.toml:1 has a name"),
            ("\ncontact_url = \"javascript:alert(1)\"\n", "/b.toml:2 has a contact_url"),
            ("[colors]\naccent = \"red; } body { display: none\"\n", "/b.toml:2 has a colour accent that is none"),
            ("[colors]\naccent = \"#12345é\"\n", "that is none"),
            ("[colors]\naccent = \"#ffee00\"\n", "contrast of 1."),
            ("[colors]\naccent_dark = \"#000\"\n", "on the dark pages"),
            ("logo = \"x\"\n", "unknown key \"logo\""),
            ("name = \n", "cannot be read"),
        ] {
            let (brand, problems) = read(text);
            assert!(problems.len() == 1 && problems[0].contains(title), "{text}: {problems:?}");
            assert_eq!(brand.name, "OneDesk");
            assert!(!brand.style().contains("display"));
        }
    }

    #[test]
    fn a_colour_for_light_pages_is_lightened_for_dark_ones() {
        let (brand, problems) = read("[colors]\naccent = \"#001f5c\"\n");
        assert_eq!(problems, Vec::<String>::new());
        assert!(brand.accent_dark.unwrap().contrast(DARK_PAPER) >= READABLE);
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 0.001);
        assert!((Color::parse("#767676").unwrap().contrast(Color::WHITE) - 4.54).abs() < 0.01);
    }
}
