//! What a certificate file says: names, issuer, how long. Never the key.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificates in a PEM file, the host's own first.
///
/// # Errors
/// Why they cannot be read, in words.
pub fn facts(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{} holds no certificate in PEM form that can be read", path.display()))?;
    let chain: Vec<Value> = chain.iter().take(10).map(one).collect::<Result<_, _>>()?;
    Ok(json!({"file": path.display().to_string(), "certificates": chain}))
}

fn one(certificate: &CertificateDer<'_>) -> Result<Value, String> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|fault| format!("a certificate cannot be read: {fault}"))?;
    let names = certificate.subject_alternative_name().ok().flatten().map(|extension| &extension.value.general_names);
    let names: Vec<&str> = names
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
        .collect();
    let time = |at: x509_parser::time::ASN1Time| jiff::Timestamp::from_second(at.timestamp()).map(|at| at.to_string()).ok();
    Ok(json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "names": names,
        "not_before": time(certificate.validity().not_before),
        "not_after": time(certificate.validity().not_after),
        "is_ca": certificate.is_ca(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_told_by_names_issuer_and_times() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["desk.example.test".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let pem = parameters.self_signed(&key).unwrap().pem();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{pem}{}", key.serialize_pem())).unwrap();
        let facts = facts(file.path()).unwrap();
        assert_eq!(facts["certificates"][0]["names"][0], "desk.example.test");
        assert_eq!(facts["certificates"][0]["not_after"], "2030-01-02T00:00:00Z");
        assert!(!facts.to_string().contains("PRIVATE"));
    }

    #[test]
    fn a_file_that_is_none_is_told_without_its_content() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n").unwrap();
        assert!(!facts(file.path()).unwrap_err().contains("hunter2"));
        assert!(facts(Path::new("/nonexistent.pem")).unwrap_err().contains("/nonexistent.pem"));
    }
}
