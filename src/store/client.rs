//! From an address and the environment to a client of a cloud.
//!
//! Settings are the variables that the libraries of the clouds read: `AWS_*`, `GOOGLE_*`, `AZURE_*`. Without keys in them the
//! client asks the machine it runs on, as those libraries do. Files of profiles such as `~/.aws/credentials` are not read, but
//! for the one that `gcloud auth application-default login` writes.

use std::ffi::OsString;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use super::StoreError;
use super::address::{Place, StoreAddress};

/// How long it may take to reach a store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a call is tried again after a failure of the store or the way to it.
const MAX_RETRIES: usize = 4;

/// First pause before a call is tried again, and the shortest.
const PAUSE: Duration = Duration::from_millis(50);

/// The same for Google, which may refuse (429) what changes an object more than once in a second. All pauses together are longer
/// than that even when each is as short as can be: whoever is still refused then was held back by a change of somebody else's,
/// and sees it when it reads what is there.
const GOOGLE_PAUSE: Duration = Duration::from_millis(300);

/// How long calls are tried again. Credentials are not made anew for it, so it stays well below the five minutes that they
/// are good for at least.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Names of variables whose values are secrets, in parts.
const SECRET_NAMES: [&str; 7] = ["SECRET", "TOKEN", "PASSWORD", "_KEY", "SERVICE_ACCOUNT", "SAS", "CREDENTIAL"];

/// Shortest secret that is looked for in texts, in bytes: a shorter one stands in them by chance.
const MIN_SECRET_BYTES: usize = 8;

/// Makes the client of a bucket; `None` for a folder.
pub(super) fn client(
    address: &StoreAddress,
    environment: &[(OsString, OsString)],
    silence: Duration,
) -> Result<Option<Arc<dyn ObjectStore>>, StoreError> {
    // One for the whole process; whoever was first has made the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(silence);
    let options = options.with_connect_timeout(CONNECT_TIMEOUT);
    let init_backoff = if matches!(address, StoreAddress::Google(_)) { GOOGLE_PAUSE } else { PAUSE };
    let backoff = BackoffConfig { init_backoff, max_backoff: Duration::from_secs(5), base: 2. };
    let retry = RetryConfig { backoff, max_retries: MAX_RETRIES, retry_timeout: RETRY_TIMEOUT };
    let wrong = |error: object_store::Error| StoreError::Settings {
        address: address.to_string(),
        reason: without_secrets(&deepest(&error), environment),
    };
    Ok(Some(match address {
        StoreAddress::S3(place) => {
            let settings = settings::<AmazonS3ConfigKey>(environment, "AWS_");
            check_aws(address, environment)?;
            let mut builder = AmazonS3Builder::new().with_client_options(options).with_retry(retry);
            for (key, value) in settings {
                if !matches!(key, AmazonS3ConfigKey::Client(ClientConfigKey::AllowInvalidCertificates)) {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_bucket_name(&place.bucket).build().map_err(wrong)?)
        }
        StoreAddress::Google(Place { bucket, .. }) => {
            let mut builder = GoogleCloudStorageBuilder::new().with_client_options(options).with_retry(retry);
            for (key, value) in settings::<GoogleConfigKey>(environment, "GOOGLE_") {
                if !matches!(key, GoogleConfigKey::Client(ClientConfigKey::AllowInvalidCertificates)) {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_bucket_name(bucket).build().map_err(wrong)?)
        }
        StoreAddress::Azure(Place { bucket, .. }) => {
            let mut builder = MicrosoftAzureBuilder::new().with_client_options(options).with_retry(retry);
            for (key, value) in settings::<AzureConfigKey>(environment, "AZURE_") {
                if !matches!(key, AzureConfigKey::Client(ClientConfigKey::AllowInvalidCertificates)) {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_container_name(bucket).build().map_err(wrong)?)
        }
        StoreAddress::Folder(_) => return Ok(None),
    }))
}

/// Returns the settings that the client of a cloud knows, by name.
fn settings<K: FromStr>(environment: &[(OsString, OsString)], start: &str) -> Vec<(K, String)> {
    let mut found: Vec<(&str, &str)> = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .filter(|(name, value)| name.starts_with(start) && !value.is_empty())
        .collect();
    found.sort_unstable();
    found
        .iter()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, (*value).to_owned())))
        .collect()
}

/// Says at once that there are no credentials where the machine is not to be asked for any, as `aws` does.
fn check_aws(address: &StoreAddress, environment: &[(OsString, OsString)]) -> Result<(), StoreError> {
    let has = |name: &str| environment.iter().any(|(key, value)| key == name && !value.is_empty());
    let is_true = |name: &str| {
        environment.iter().any(|(key, value)| key == name && value.to_string_lossy().eq_ignore_ascii_case("true"))
    };
    let sources = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    let is_known = sources.iter().any(|name| has(name)) || is_true("AWS_SKIP_SIGNATURE");
    if !is_known && is_true("AWS_EC2_METADATA_DISABLED") {
        return Err(StoreError::NoCredentials(address.to_string()));
    }
    Ok(())
}

/// Returns the innermost message of an error: the outer ones repeat it.
pub(super) fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Returns a text without the values of variables that are secret, and without control characters.
pub(super) fn without_secrets(text: &str, environment: &[(OsString, OsString)]) -> String {
    let mut text = text.to_owned();
    for (name, value) in environment {
        let (name, value) = (name.to_string_lossy().to_uppercase(), value.to_string_lossy());
        let is_ours = ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|start| name.starts_with(start));
        let is_secret = is_ours && SECRET_NAMES.iter().any(|part| name.contains(part));
        if is_secret && value.len() >= MIN_SECRET_BYTES {
            text = text.replace(&*value, "…");
        }
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_environment_are_cut_out_of_texts() {
        let environment = |name: &str, value: &str| vec![(OsString::from(name), OsString::from(value))];
        let text = "refused: wJalrXUtnFEMI/K7MDENG\u{1b}";
        for name in
            ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY"]
        {
            assert_eq!(without_secrets(text, &environment(name, "wJalrXUtnFEMI/K7MDENG")), "refused: …\\u{1b}");
        }
        assert!(without_secrets(text, &environment("AWS_REGION", "refused:")).starts_with("refused: w"));
    }
}
