//! The program `git-skillmeat`, run by git as `git skillmeat`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    skillmeat::cli::main()
}
