//! Randomness as an argument: the system's in the shell, seeded in tests.

/// A source of unpredictable bytes. Tags, branches, nonces, SSRCs and ports come from here.
pub trait Entropy: Send {
    fn fill(&mut self, bytes: &mut [u8]);

    fn u64(&mut self) -> u64 {
        let mut b = [0; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }

    fn u32(&mut self) -> u32 {
        let mut b = [0; 4];
        self.fill(&mut b);
        u32::from_le_bytes(b)
    }

    /// `2 * N` lower-case hexadecimal digits.
    fn hex<const N: usize>(&mut self) -> String
    where
        Self: Sized,
    {
        let mut b = [0; N];
        self.fill(&mut b);
        b.iter().fold(String::with_capacity(2 * N), |mut s, x| {
            s.push(char::from(b"0123456789abcdef"[usize::from(x >> 4)]));
            s.push(char::from(b"0123456789abcdef"[usize::from(x & 15)]));
            s
        })
    }
}

/// SplitMix64: reproducible, for tests and stories. Never for the line itself.
#[derive(Clone, Debug)]
pub struct Seeded(pub u64);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}
