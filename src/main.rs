//! The program `git-skillmeat`, run by git as `git skillmeat`.

fn main() -> std::process::ExitCode {
    skillmeat::cli::main()
}
