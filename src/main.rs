//! The program `rappel`. Everything is in the library.

fn main() -> std::process::ExitCode {
    rappel::cli::main()
}
