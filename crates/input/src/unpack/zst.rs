//! Zstandard streams of any number of frames, skippable ones included.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The frames of a stream, unpacked one after another. A frame's window is limited by the decoder (128 MiB).
pub(crate) struct Frames<R: BufRead> {
    input: R,
    frame: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    pub fn new(input: R) -> Frames<R> {
        Frames { input, frame: FrameDecoder::new(), inside: false }
    }

    /// Enters the next frame; false where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.frame.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.input).take(u64::from(length)), &mut io::sink())?;
                }
                Err(e) => return Err(self.damaged(&e)),
            }
        }
    }

    fn damaged(&mut self, error: &FrameDecoderError) -> io::Error {
        let ended = self.input.fill_buf().is_ok_and(<[u8]>::is_empty);
        let kind = if ended { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, error.to_string())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !buf.is_empty() {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            self.inside = true;
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                let some = BlockDecodingStrategy::UptoBlocks(1);
                if let Err(e) = self.frame.decode_blocks(&mut self.input, some) {
                    self.inside = false;
                    return Err(self.damaged(&e));
                }
            }
            let n = self.frame.read(buf)?;
            if n > 0 {
                return Ok(n);
            }
            self.inside = false;
        }
        Ok(0)
    }
}
