//! The customer's logo: `logo.svg` or `logo.png`. An SVG is a document that could run script and load from elsewhere; one that tries
//! is refused, and served it is with a policy that allows nothing.

use std::path::Path;

use super::assets::Assets;
use super::brand::Brand;
use super::folder::Folder;
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
        match check(name, &file.content) {
            Ok(()) => {
                let asset = format!("brand/{name}");
                assets.add(asset.as_str(), &file.content);
                brand.logo = Some(assets.url(&asset));
                return;
            }
            Err(fault) => problems.push(told(&file.path, &fault)),
        }
    }
}

struct Fault {
    line: Option<u32>,
    what: String,
    hint: &'static str,
}

fn told(path: &Path, fault: &Fault) -> Problem {
    let place = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
    let problem = Problem::new("logo", format!("{}{place} {}; no logo is shown", path.display(), fault.what), fault.hint);
    match fault.line {
        Some(line) => problem.at_line(line),
        None => problem,
    }
}

fn check(name: &str, bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > LARGEST {
        return Err(Fault { line: None, what: "is larger than 128 KiB".to_owned(), hint: "save it smaller: it is shown 32 pixels high" });
    }
    if name.ends_with(".png") {
        let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n");
        return if is_png { Ok(()) } else { Err(Fault { line: None, what: "is no PNG picture".to_owned(), hint: "save it as PNG" }) };
    }
    svg(bytes)
}

fn svg(bytes: &[u8]) -> Result<(), Fault> {
    const PLAIN: &str = "export it as a plain SVG: shapes, paths and gradients only";
    let no_svg = |line, what: String| Fault { line, what, hint: PLAIN };
    let text = std::str::from_utf8(bytes).map_err(|_| no_svg(None, "is not UTF-8".to_owned()))?;
    // Without entities: a document type is refused by the parser.
    let document =
        roxmltree::Document::parse(text).map_err(|error| no_svg(Some(error.pos().row), format!("is no SVG picture: {error}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || root.tag_name().namespace() != Some("http://www.w3.org/2000/svg") {
        return Err(no_svg(Some(1), "is no SVG picture".to_owned()));
    }
    for node in document.descendants() {
        let line = || Some(document.text_pos_at(node.range().start).row);
        if node.is_pi() {
            return Err(no_svg(line(), "holds a processing instruction".to_owned()));
        }
        let is_drawing = node.tag_name().namespace() != Some("http://www.w3.org/2000/svg") || DRAWING.contains(&node.tag_name().name());
        if node.is_element() && !is_drawing {
            return Err(no_svg(line(), format!("holds a <{}>", node.tag_name().name())));
        }
        if node.is_element() && node.tag_name().namespace() == Some("http://www.w3.org/1999/xhtml") {
            return Err(no_svg(line(), "holds HTML".to_owned()));
        }
        for attribute in node.attributes() {
            let name = attribute.name().to_ascii_lowercase();
            let value = attribute.value().to_ascii_lowercase();
            let leads_out = name == "href" && !value.trim_start().starts_with('#');
            let loads = value.split("url(").skip(1).any(|url| !url.trim_start_matches([' ', '"', '\'']).starts_with('#'));
            if name.starts_with("on") || leads_out || loads || value.contains("javascript:") || value.contains("@import") {
                return Err(no_svg(line(), format!("has an attribute {} that runs or loads something", attribute.name())));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg_with(inside: &str) -> Result<(), String> {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 8 8\">\n{inside}</svg>"
        );
        check("logo.svg", text.as_bytes()).map_err(|fault| fault.what)
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
            assert!(check("logo.svg", evil.as_bytes()).is_err(), "{evil}");
        }
        assert!(check("logo.png", b"<svg/>").is_err() && check("logo.svg", &vec![b' '; LARGEST + 1]).is_err());
    }
}
