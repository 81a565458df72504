//! What to do about errors of copies in object storage.

use super::fs_hint;
use crate::ops::vault::CopyError;
use crate::store::StoreError;

/// Where the credentials of each cloud are looked for.
const CREDENTIALS: &str = "keys come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL, \
     AWS_REGION), GOOGLE_APPLICATION_CREDENTIALS, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; for a profile of \
     `aws`: `eval \"$(aws configure export-credentials --format env)\"`";

pub(super) fn copy_hint(error: &CopyError) -> Option<String> {
    Some(match error {
        CopyError::Address(_) => "an address is such as s3://BUCKET/FOLDER or a path; keys belong into the environment".to_owned(),
        CopyError::Store(error) => return store_hint(error),
        CopyError::Head { .. } | CopyError::Signature { .. } | CopyError::Keeper { .. } | CopyError::Fork { .. } => {
            "somebody wrote there who has no say in the vault: find out who can; a mirror is made anew in another place with \
             `git skillmeat vault mirror add` and `vault mirror push`"
                .to_owned()
        }
        CopyError::SetBack { .. } | CopyError::Twice { .. } => {
            "do not use it: somebody put an old state there; what you fetched before can be used with `--offline`".to_owned()
        }
        CopyError::Hash { .. } => {
            "nothing of it was taken; `git skillmeat vault check` on a machine that keeps the mirror tells what else is wrong"
                .to_owned()
        }
        CopyError::Incomplete { .. } => "whoever keeps it can mend it with `git skillmeat vault mirror push`".to_owned(),
        CopyError::NotEmpty(_) => "name a folder in the bucket that nothing else uses".to_owned(),
        CopyError::OtherVault { .. } => "name another folder in the bucket for this vault".to_owned(),
        CopyError::NoMirror { vault, .. } | CopyError::Known { vault, .. } => {
            format!("`git skillmeat vault mirror list {vault}` shows those there are")
        }
        CopyError::Itself(_) => "name another place".to_owned(),
        CopyError::Raced { .. } => "run the command again".to_owned(),
    })
}

fn store_hint(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::Denied { .. } | StoreError::NoCredentials(_) => CREDENTIALS.to_owned(),
        StoreError::Net { reason, .. } if reason.contains("169.254") || reason.contains("metadata") => {
            CREDENTIALS.to_owned()
        }
        StoreError::Net { .. } => {
            "check the address, the network, and, where the store is your own, AWS_ENDPOINT_URL (GOOGLE_BASE_URL, \
             AZURE_STORAGE_ENDPOINT) and AWS_ALLOW_HTTP (GOOGLE_…, AZURE_…)"
                .to_owned()
        }
        StoreError::Settings { .. } => CREDENTIALS.to_owned(),
        StoreError::Missing { .. } => "whoever keeps it can mend it with `git skillmeat vault mirror push`".to_owned(),
        StoreError::TooLarge { .. } => return None,
        StoreError::NoConditions(_) => {
            "use a store that heeds conditions such as `If-Match` and `If-None-Match`, or, where one person alone publishes, \
             say so with `git skillmeat vault init --single-writer`"
                .to_owned()
        }
        StoreError::Fs(error) => return fs_hint(error),
    })
}
