//! The customer's logo: `logo.svg` or `logo.png`. An SVG is a document that could run script and load from elsewhere; one that tries
//! is refused, and served it is with a policy that allows nothing.

use std::path::Path;

use super::assets::Assets;
use super::brand::Brand;
use super::folder::{Folder, place};
use crate::model::Problem;

/// Their names in the folder of overrides; the first one that can be used is.
pub const FILES: [&str; 2] = ["logo.svg", "logo.png"];

/// Elements that draw and nothing else (SVG 2). Animation may change a link, `style` may load, `foreignObject` is HTML.
const DRAWING: [&str; 23] = [
    "svg",
    "g",
    "defs",
    "title",
    "desc",
    "metadata",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "use",
    "symbol",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "pattern",
];
const LARGEST: usize = 128 * 1024;

/// Adds the logo to the static files and tells the brand where it is.
pub fn add(overrides: &Folder, assets: &mut Assets, brand: &mut Brand, problems: &mut Vec<Problem>) {
    for name in FILES {
        let Some(file) = overrides.extras.get(name) else { continue };
        match check(&file.path, &file.content) {
            Ok(()) => {
                let asset = format!("brand/{name}");
                assets.add(asset.as_str(), &file.content);
                brand.logo = Some(assets.url(&asset));
                return;
            }
            Err(problem) => problems.push(problem),
        }
    }
}

/// Whether the picture may be shown; why not.
fn check(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::told("logo.large", &[("place", &path.display())]));
    }
    if path.extension().is_some_and(|kind| kind == "png") {
        let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n");
        return if is_png { Ok(()) } else { Err(Problem::told("logo.png", &[("place", &path.display())])) };
    }
    svg(path, bytes)
}

fn svg(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::told("logo.encoding", &[("place", &path.display())]))?;
    // Without entities: a document type is refused by the parser.
    let document = roxmltree::Document::parse(text).map_err(|error| {
        let line = Some(error.pos().row);
        Problem::told("logo.malformed", &[("place", &place(path, line)), ("error", &error)]).at_line(line)
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || root.tag_name().namespace() != Some("http://www.w3.org/2000/svg") {
        return Err(Problem::told("logo.root", &[("place", &place(path, Some(1)))]).at_line(1));
    }
    for node in document.descendants() {
        let told = |problem: fn(&str, &str) -> Problem, name: &str| {
            let line = Some(document.text_pos_at(node.range().start).row);
            Err(problem(&place(path, line), name).at_line(line))
        };
        if node.is_pi() {
            return told(|place, _| Problem::told("logo.instruction", &[("place", &place)]), "");
        }
        let name = node.tag_name().name();
        let is_drawing = node.tag_name().namespace() != Some("http://www.w3.org/2000/svg") || DRAWING.contains(&name);
        if node.is_element() && !is_drawing {
            return told(|place, name| Problem::told("logo.element", &[("place", &place), ("element", &name)]), name);
        }
        if node.is_element() && node.tag_name().namespace() == Some("http://www.w3.org/1999/xhtml") {
            return told(|place, _| Problem::told("logo.html", &[("place", &place)]), "");
        }
        for attribute in node.attributes() {
            let name = attribute.name().to_ascii_lowercase();
            let value = attribute.value().to_ascii_lowercase();
            let leads_out = name == "href" && !value.trim_start().starts_with('#');
            let loads = value.split("url(").skip(1).any(|url| !url.trim_start_matches([' ', '"', '\'']).starts_with('#'));
            if name.starts_with("on") || leads_out || loads || value.contains("javascript:") || value.contains("@import") {
                return told(|place, name| Problem::told("logo.attribute", &[("place", &place), ("attribute", &name)]), attribute.name());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg_with(inside: &str) -> Result<(), Problem> {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 8 8\">\n{inside}</svg>"
        );
        check(Path::new("logo.svg"), text.as_bytes())
    }

    #[test]
    fn a_drawing_is_taken() {
        let drawing = "<defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"#fff\"/></linearGradient></defs>\
                       <path d=\"M0 0h8v8z\" fill=\"url(#a)\"/><use href=\"#a\"/><text x=\"1\">Desk</text>";
        assert_eq!(svg_with(drawing), Ok(()));
    }

    #[test]
    fn whatever_runs_or_loads_is_refused() {
        for evil in [
            "<script>alert(1)</script>",
            "<path onload=\"alert(1)\"/>",
            "<path onClick=\"alert(1)\"/>",
            "<image href=\"https://evil.test/x.png\"/>",
            "<use xlink:href=\"https://evil.test/x.svg#a\"/>",
            "<use href=\"data:image/svg+xml,x\"/>",
            "<foreignObject><p xmlns=\"http://www.w3.org/1999/xhtml\">x</p></foreignObject>",
            "<p xmlns=\"http://www.w3.org/1999/xhtml\">x</p>",
            "<style>@import url(https://evil.test)</style>",
            "<path style=\"fill: url( 'https://evil.test/#a')\"/>",
            "<a href=\"javascript:alert(1)\"><path/></a>",
            "<animate attributeName=\"href\" to=\"javascript:alert(1)\"/>",
            "<?xml-stylesheet href=\"https://evil.test\"?>",
            "<g>",
        ] {
            assert!(svg_with(evil).is_err(), "{evil}");
        }
        for evil in ["<!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>", "<html/>", "", "\u{0}"] {
            assert!(check(Path::new("logo.svg"), evil.as_bytes()).is_err(), "{evil}");
        }
        assert!(check(Path::new("logo.png"), b"<svg/>").is_err() && check(Path::new("logo.svg"), &vec![b' '; LARGEST + 1]).is_err());
    }
}
