//! The bill of materials in CycloneDX 1.5: every crate that is compiled into the programs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::{command, quiet};

/// The document, the same bytes for the same `Cargo.lock`.
pub fn cyclonedx(root: &Path) -> Result<String> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform];
    let metadata: Value = serde_json::from_str(&quiet(command("cargo", arguments).current_dir(root))?)?;
    document(&metadata)
}

fn document(metadata: &Value) -> Result<String> {
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let dependencies: BTreeMap<&str, Vec<&str>> =
        list(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, shipped(node)))).collect();
    let (product, package) =
        packages.iter().find(|(_, package)| package["name"] == "onedesk").context("cargo metadata has no package onedesk")?;

    let mut reached = BTreeSet::from([*product]);
    let mut queue = VecDeque::from([*product]);
    while let Some(id) = queue.pop_front() {
        for &next in dependencies.get(id).into_iter().flatten() {
            if reached.insert(next) {
                queue.push_back(next);
            }
        }
    }
    let components: Vec<Value> =
        reached.iter().filter(|id| *id != product).filter_map(|id| packages.get(id)).map(|package| component(package, "library")).collect();
    let graph: Vec<Value> = reached
        .iter()
        .filter_map(|id| Some((packages.get(id)?, dependencies.get(id)?)))
        .map(|(package, needs)| json!({ "ref": purl(package), "dependsOn": needs.iter().filter_map(|id| packages.get(id)).map(|p| purl(p)).collect::<BTreeSet<_>>() }))
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(package, "application") },
        "components": components,
        "dependencies": graph,
    });
    Ok(format!("{document:#}\n"))
}

/// The dependencies that end up in the program: neither those of build scripts nor those of tests.
fn shipped(node: &Value) -> Vec<&str> {
    list(&node["deps"])
        .filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()))
        .filter_map(|dep| dep["pkg"].as_str())
        .collect()
}

fn component(package: &Value, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    });
    if let Some(license) = package["license"].as_str() {
        // Cargo once wrote "MIT/Apache-2.0" where SPDX says OR.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    component
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", package["name"].as_str().unwrap_or_default(), package["version"].as_str().unwrap_or_default())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_compiled_into_the_programs_is_listed() {
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let dep = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("onedesk"), package("tokio"), package("cc"), package("proptest"), package("xtask")],
            "resolve": { "nodes": [
                { "id": "onedesk", "deps": [dep("tokio", Value::Null), dep("cc", json!("build")), dep("proptest", json!("dev"))] },
                { "id": "tokio", "deps": [] },
            ] },
        });
        let document: Value = serde_json::from_str(&document(&metadata).unwrap()).unwrap();
        assert_eq!(list(&document["components"]).map(|c| c["name"].as_str().unwrap()).collect::<Vec<_>>(), ["tokio"]);
        assert_eq!(document["metadata"]["component"]["purl"], "pkg:cargo/onedesk@1.0.0");
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }
}
