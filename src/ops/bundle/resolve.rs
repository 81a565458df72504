//! Which versions of other bundles a bundle needs: the newest that all ranges allow, with what is locked first.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};

use crate::model::{BundleName, Release};

/// Most bundles that one import may bring: each is a step deeper, and nobody looks at more.
const MAX_BUNDLES: usize = 200;

/// Most versions that are tried to find them.
const MAX_TRIES: usize = 1_000;

/// What one release needs of others.
pub type Needs = BTreeMap<BundleName, VersionReq>;

/// Why no set of versions fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nobody offers a version that fits.
    #[error("'{wanted_by}' needs '{bundle}' {range}, and {}", versions_text(.offered))]
    NoVersion {
        /// Who needs it.
        wanted_by: String,
        /// What is needed.
        bundle: String,
        /// Which versions would do.
        range: String,
        /// Which there are.
        offered: Vec<Version>,
    },
    /// Two releases need versions that no release has at once.
    #[error("'{wanted_by}' needs '{bundle}' {range}, but {version} was chosen for '{chosen_by}'")]
    Clash {
        /// Who needs it.
        wanted_by: String,
        /// What is needed.
        bundle: String,
        /// Which versions would do.
        range: String,
        /// The version that another one needs.
        version: String,
        /// The other one.
        chosen_by: String,
    },
    /// Bundles need each other in a circle.
    #[error("these bundles need each other in a circle: {0}")]
    Cycle(String),
    /// There is too much to try.
    #[error("no set of at most {MAX_BUNDLES} bundles was found in {MAX_TRIES} tries")]
    TooMuch,
}

fn versions_text(versions: &[Version]) -> String {
    if versions.is_empty() {
        return "no vault that you know offers it".to_owned();
    }
    let shown: Vec<_> = versions.iter().take(5).map(ToString::to_string).collect();
    let more = if versions.len() > 5 { ", …" } else { "" };
    format!("there are {}{more}", shown.join(", "))
}

/// What is offered, and what it needs. Nothing is believed for being offered: [`Offers::needs`] verifies first.
pub trait Offers {
    /// Why the needs of a release cannot be told.
    type Error: From<ResolveError>;

    /// Returns the versions of a bundle, best first.
    ///
    /// # Errors
    /// Whatever keeps them from being listed.
    fn versions(&mut self, bundle: &BundleName) -> Result<Vec<Version>, Self::Error>;

    /// Returns what a release needs, after verifying it.
    ///
    /// # Errors
    /// Whatever keeps it from being believed.
    fn needs(&mut self, release: &Release) -> Result<Needs, Self::Error>;
}

/// Someone's need of a bundle.
#[derive(Clone)]
struct Need {
    by: Release,
    bundle: BundleName,
    range: VersionReq,
}

/// A version that was chosen, and for whom.
#[derive(Clone)]
struct Choice {
    version: Version,
    by: Release,
}

/// Finds the releases that `root` needs, directly and through others, in an order in which each comes after what it needs.
///
/// # Errors
/// [`ResolveError`], and those of `offers`.
pub fn resolve<O: Offers>(offers: &mut O, root: &Release, needs: &Needs) -> Result<Vec<Release>, O::Error> {
    let mut known: BTreeMap<Release, Needs> = BTreeMap::from([(root.clone(), needs.clone())]);
    let start = BTreeMap::from([(root.bundle.clone(), Choice { version: root.version.clone(), by: root.clone() })]);
    let mut search = Search { offers, known: &mut known, tries: 0 };
    let chosen = search.solve(needs_of(root, needs), start)??;
    let chosen: BTreeMap<BundleName, Release> = chosen
        .into_iter()
        .map(|(bundle, choice)| (bundle.clone(), Release { bundle, version: choice.version }))
        .collect();
    let mut order = Vec::new();
    visit(root, &chosen, &known, &mut Vec::new(), &mut BTreeSet::new(), &mut order)?;
    Ok(order)
}

fn needs_of(release: &Release, needs: &Needs) -> Vec<Need> {
    needs
        .iter()
        .map(|(bundle, range)| Need { by: release.clone(), bundle: bundle.clone(), range: range.clone() })
        .collect()
}

struct Search<'a, O> {
    offers: &'a mut O,
    known: &'a mut BTreeMap<Release, Needs>,
    tries: usize,
}

type Chosen = BTreeMap<BundleName, Choice>;

impl<O: Offers> Search<'_, O> {
    /// Chooses versions for all needs; the inner error is why this way leads nowhere, so that another is tried.
    fn solve(&mut self, mut needs: Vec<Need>, chosen: Chosen) -> Result<Result<Chosen, ResolveError>, O::Error> {
        if chosen.len() > MAX_BUNDLES {
            return Err(ResolveError::TooMuch.into());
        }
        // What is chosen already is passed over here: only a new choice goes deeper.
        let need = loop {
            let Some(need) = needs.pop() else { return Ok(Ok(chosen)) };
            match chosen.get(&need.bundle) {
                None => break need,
                Some(choice) if need.range.matches(&choice.version) => {}
                Some(choice) => {
                    return Ok(Err(ResolveError::Clash {
                        wanted_by: need.by.to_string(),
                        bundle: need.bundle.to_string(),
                        range: need.range.to_string(),
                        version: choice.version.to_string(),
                        chosen_by: choice.by.to_string(),
                    }));
                }
            }
        };
        let offered = self.offers.versions(&need.bundle)?;
        let mut first = None;
        for version in offered.iter().filter(|version| need.range.matches(version)) {
            self.tries += 1;
            if self.tries > MAX_TRIES {
                return Err(ResolveError::TooMuch.into());
            }
            let release = Release { bundle: need.bundle.clone(), version: version.clone() };
            let own = match self.known.get(&release) {
                Some(own) => own.clone(),
                None => self.offers.needs(&release)?,
            };
            self.known.insert(release.clone(), own.clone());
            let more = needs.iter().cloned().chain(needs_of(&release, &own)).collect();
            let mut chosen = chosen.clone();
            chosen.insert(need.bundle.clone(), Choice { version: version.clone(), by: need.by.clone() });
            match self.solve(more, chosen)? {
                Ok(found) => return Ok(Ok(found)),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let none = || ResolveError::NoVersion {
            wanted_by: need.by.to_string(),
            bundle: need.bundle.to_string(),
            range: need.range.to_string(),
            offered,
        };
        Ok(Err(first.unwrap_or_else(none)))
    }
}

/// Puts a release behind those that it needs.
fn visit(
    release: &Release,
    chosen: &BTreeMap<BundleName, Release>,
    known: &BTreeMap<Release, Needs>,
    path: &mut Vec<Release>,
    done: &mut BTreeSet<Release>,
    order: &mut Vec<Release>,
) -> Result<(), ResolveError> {
    if done.contains(release) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|one| one == release) {
        let names = path[start..].iter().chain([release]).map(|one| format!("'{}'", one.bundle));
        return Err(ResolveError::Cycle(names.collect::<Vec<_>>().join(" needs ")));
    }
    path.push(release.clone());
    for bundle in known.get(release).into_iter().flat_map(BTreeMap::keys) {
        if let Some(needed) = chosen.get(bundle) {
            visit(needed, chosen, known, path, done, order)?;
        }
    }
    path.pop();
    done.insert(release.clone());
    order.push(release.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Releases and what they need, newest first as they are listed.
    struct Table(Vec<(Release, Needs)>);

    impl Offers for Table {
        type Error = ResolveError;

        fn versions(&mut self, bundle: &BundleName) -> Result<Vec<Version>, ResolveError> {
            let own = self.0.iter().filter(|(release, _)| release.bundle == *bundle);
            Ok(own.map(|(release, _)| release.version.clone()).collect())
        }

        fn needs(&mut self, release: &Release) -> Result<Needs, ResolveError> {
            Ok(self.0.iter().find(|(one, _)| one == release).expect("is offered").1.clone())
        }
    }

    fn needs(text: &str) -> Needs {
        let pair = |text: &str| {
            let (name, range) = text.split_once('@').expect("NAME@RANGE");
            (name.parse().expect("a name"), range.parse().expect("a range"))
        };
        text.split_whitespace().map(pair).collect()
    }

    fn found(offers: &[(&str, &str)], root: &str) -> Result<Vec<String>, ResolveError> {
        let release = |text: &str| text.replacen('@', "--v", 1).parse::<Release>().expect("a release");
        let mut table = Table(offers.iter().map(|(name, text)| (release(name), needs(text))).collect());
        let order = resolve(&mut table, &release("root@1.0.0"), &needs(root))?;
        Ok(order.into_iter().map(|release| release.to_string().replacen("--v", "@", 1)).collect())
    }

    #[test]
    fn the_newest_that_fits_all_is_taken_and_stands_before_who_needs_it() {
        let offers = [("a@2.0.0", ""), ("a@1.5.0", ""), ("a@1.2.0", ""), ("b@1.0.0", "a@<1.5")];
        assert_eq!(found(&offers, "a@^1").expect("fits"), ["a@1.5.0", "root@1.0.0"]);
        assert_eq!(found(&offers, "a@^1 b@1").expect("fits"), ["a@1.2.0", "b@1.0.0", "root@1.0.0"]);
        assert_eq!(found(&offers, "").expect("fits"), ["root@1.0.0"]);
    }

    /// The newest `b` does not go with what `c` needs, an older one does.
    #[test]
    fn another_way_is_tried() {
        let offers = [("b@2.0.0", "a@2"), ("b@1.0.0", "a@1"), ("c@1.0.0", "a@1"), ("a@2.0.0", ""), ("a@1.0.0", "")];
        let order = found(&offers, "b@* c@1").expect("fits");
        assert_eq!(order, ["a@1.0.0", "b@1.0.0", "c@1.0.0", "root@1.0.0"]);
    }

    #[test]
    fn what_cannot_be_had_is_named_with_who_needs_it() {
        let offers = [("a@2.0.0", ""), ("b@1.0.0", "a@1"), ("c@1.0.0", "a@2"), ("a@1.0.0", "")];
        let text = |result: Result<Vec<String>, ResolveError>| result.expect_err("does not fit").to_string();
        assert_eq!(text(found(&offers, "a@3")), "'root--v1.0.0' needs 'a' ^3, and there are 2.0.0, 1.0.0");
        assert!(text(found(&offers, "x@1")).contains("no vault that you know offers it"));
        assert!(text(found(&offers, "b@1 c@1")).contains("was chosen for"));
    }

    #[test]
    fn circles_are_refused_with_their_names() {
        let offers = [("a@1.0.0", "b@1"), ("b@1.0.0", "a@1"), ("c@1.0.0", "root@1"), ("d@1.0.0", "d@1")];
        assert_eq!(found(&offers, "a@1"), Err(ResolveError::Cycle("'a' needs 'b' needs 'a'".to_owned())));
        assert_eq!(found(&offers, "c@1"), Err(ResolveError::Cycle("'root' needs 'c' needs 'root'".to_owned())));
        assert_eq!(found(&offers, "d@1"), Err(ResolveError::Cycle("'d' needs 'd'".to_owned())));
    }

    #[test]
    fn many_that_need_each_other_are_no_deep_way() {
        // Each needs all before it: thousands of needs, and as many steps as bundles.
        let crowd = |count: usize| -> Vec<(String, String)> {
            let needs = |at: usize| (0..at).map(|before| format!("p{before}@1")).collect::<Vec<_>>().join(" ");
            (0..count).map(|at| (format!("p{at}@1.0.0"), needs(at))).collect()
        };
        let solve = |count: usize| {
            let crowd = crowd(count);
            let offers: Vec<_> = crowd.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            found(&offers, &format!("p{}@1", count - 1))
        };
        assert_eq!(solve(150).expect("fits").len(), 151);
        assert!(matches!(solve(250), Err(ResolveError::TooMuch)));
    }

    #[test]
    fn a_maze_ends() {
        // Each of twenty bundles has twenty versions, and the last one needs what nobody has.
        let mut offers: Vec<(String, String)> = Vec::new();
        for bundle in 0..20 {
            for version in (1..=20).rev() {
                let next = if bundle == 19 { "nothing@1".to_owned() } else { format!("p{}@*", bundle + 1) };
                offers.push((format!("p{bundle}@{version}.0.0"), next));
            }
        }
        let offers: Vec<_> = offers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert!(matches!(found(&offers, "p0@*"), Err(ResolveError::TooMuch)));
    }
}
