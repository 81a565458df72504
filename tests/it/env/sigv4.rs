//! AWS Signature Version 4, as the server checks it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::s3::{ACCESS_KEY, SECRET};
use super::wire::{Request, hex};

/// Checks the signature as "Signature Calculations for the Authorization Header" in the documentation of S3 says.
pub(super) fn check_signature(request: &Request) -> Result<(), &'static str> {
    let header = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let fields = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("InvalidRequest")?;
    let field = |name: &str| {
        fields.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).ok_or("InvalidRequest")
    };
    let scope = field("Credential")?.split_once('/').ok_or("InvalidRequest")?;
    if scope.0 != ACCESS_KEY {
        return Err("InvalidAccessKeyId");
    }
    let parts: Vec<&str> = scope.1.split('/').collect();
    let [date, region, "s3", "aws4_request"] = parts[..] else { return Err("InvalidRequest") };
    let hash = request.headers.get("x-amz-content-sha256").ok_or("InvalidRequest")?;
    if hash != "UNSIGNED-PAYLOAD" && *hash != hex(&Sha256::digest(&request.body)) {
        return Err("XAmzContentSHA256Mismatch");
    }
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    // What a condition says must be signed, or anyone on the way could take it off.
    let must = ["host", "x-amz-date", "x-amz-content-sha256"];
    if must.iter().any(|name| !names.contains(name)) {
        return Err("AccessDenied");
    }
    let mut headers = String::new();
    for name in &names {
        let value = request.headers.get(*name).ok_or("InvalidRequest")?;
        let _ = writeln!(headers, "{name}:{}", value.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let mut query: Vec<String> = request
        .raw_query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| if part.contains('=') { part.to_owned() } else { format!("{part}=") })
        .collect();
    query.sort();
    let canonical =
        format!("{}\n{}\n{}\n{headers}\n{}\n{hash}", request.method, request.path, query.join("&"), names.join(";"));
    let stamp = request.headers.get("x-amz-date").ok_or("InvalidRequest")?;
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{}\n{}", scope.1, hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = hmac(format!("AWS4{SECRET}").as_bytes(), date.as_bytes());
    for part in [region, "s3", "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    if hex(&hmac(&key, to_sign.as_bytes())) == field("Signature")? { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36).as_slice(), message].concat());
    Sha256::digest([padded(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}
