//! Code that was written for tokio's and for futures' streams runs on abio's.

mod common;

use abio::{OpenOptions, Stream};
use common::{on_each_runtime, pair, path, pattern};
use futures::{SinkExt, StreamExt};
use tokio_util::codec::{Framed, LinesCodec};

#[test]
fn a_line_codec_frames_both_directions() {
    on_each_runtime(|driver| async move {
        let (client, server) = pair(&driver).await;
        let mut server = Framed::new(server, LinesCodec::new());
        let mut client = Framed::new(client, LinesCodec::new());
        let echo = async {
            while let Some(line) = server.next().await {
                let line = format!("you said {}", line.unwrap());
                server.send(line).await.unwrap();
            }
        };
        let talk = async {
            for n in 0..200 {
                client.send(format!("line {n}")).await.unwrap();
                let answer = client.next().await.unwrap().unwrap();
                assert_eq!(answer, format!("you said line {n}"));
            }
            <_ as SinkExt<String>>::close(&mut client).await.unwrap();
        };
        tokio::join!(echo, talk);
    });
}

#[test]
fn copy_bidirectional_joins_two_streams() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    on_each_runtime(|driver| async move {
        let (mut left, mut inner_left) = pair(&driver).await;
        let (mut inner_right, mut right) = pair(&driver).await;
        let data = pattern(3_000_000);
        let proxy = tokio::io::copy_bidirectional(&mut inner_left, &mut inner_right);
        let there = async {
            left.write_all(&data).await.unwrap();
            left.shutdown().await.unwrap();
            let mut back = Vec::new();
            left.read_to_end(&mut back).await.unwrap();
            assert!(back == data[..1_000_000]);
        };
        let back = async {
            right.write_all(&data[..1_000_000]).await.unwrap();
            let mut got = Vec::new();
            right.read_to_end(&mut got).await.unwrap();
            assert!(got == data);
            right.shutdown().await.unwrap();
        };
        let (proxied, (), ()) = tokio::join!(proxy, there, back);
        assert_eq!(proxied.unwrap(), (3_000_000, 1_000_000));
    });
}

#[test]
fn tokio_copies_a_file_to_a_socket() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    on_each_runtime(|driver| async move {
        let path = path("copied");
        let data = pattern(700_001);
        std::fs::write(&path, &data).unwrap();
        let (mut client, mut server) = pair(&driver).await;
        let mut file = Stream::open(&driver, &path).await.unwrap();
        let serve = async {
            let count = tokio::io::copy(&mut file, &mut server).await.unwrap();
            assert_eq!(count, 700_001);
            server.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(serve, client.read_to_end(&mut got));
        read.unwrap();
        assert!(got == data);
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn futures_gives_the_lines_of_a_file() {
    use futures::io::AsyncBufReadExt;
    on_each_runtime(|driver| async move {
        let path = path("lines");
        let text: Vec<String> = (0..5000).map(|n| format!("this is line {n}")).collect();
        std::fs::write(&path, text.join("\n")).unwrap();
        let file = Stream::open(&driver, &path).await.unwrap();
        let lines: Vec<String> = file.lines().map(|line| line.unwrap()).collect().await;
        assert_eq!(lines, text);
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn futures_copies_and_closes() {
    use futures::io::{AsyncReadExt, AsyncWriteExt};
    on_each_runtime(|driver| async move {
        let (mut client, server) = pair(&driver).await;
        let (reader, mut writer) = Stream::pipe(&driver).unwrap();
        let data = pattern(300_000);
        let send = async {
            client.write_all(&data).await.unwrap();
            AsyncWriteExt::close(&mut client).await.unwrap();
        };
        let relay = async {
            futures::io::copy(server, &mut writer).await.unwrap();
            AsyncWriteExt::close(&mut writer).await.unwrap();
            AsyncWriteExt::close(&mut writer).await.unwrap();
        };
        let mut got = Vec::new();
        let mut reader = reader;
        let receive = reader.read_to_end(&mut got);
        let ((), (), count) = tokio::join!(send, relay, receive);
        assert_eq!(count.unwrap(), data.len());
        assert!(got == data);
    });
}

#[test]
fn both_kinds_of_seek_find_the_place() {
    on_each_runtime(|driver| async move {
        use std::io::SeekFrom;
        let path = path("seek");
        let data = pattern(200_000);
        let options = OpenOptions::new().read().write().create().truncate();
        let mut file = options.open(&driver, &path).await.unwrap();
        {
            use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
            file.write_all(&data).await.unwrap();
            assert_eq!(file.seek(SeekFrom::Start(70_000)).await.unwrap(), 70_000);
            let mut piece = [0; 1000];
            file.read_exact(&mut piece).await.unwrap();
            assert!(piece == data[70_000..71_000]);
            let at = file.seek(SeekFrom::Current(-500)).await.unwrap();
            assert_eq!(at, 70_500);
            file.read_exact(&mut piece).await.unwrap();
            assert!(piece == data[70_500..71_500]);
            file.write_all(b"in between").await.unwrap();
            file.flush().await.unwrap();
            file.shutdown().await.unwrap();
        }
        {
            use futures::io::{AsyncReadExt, AsyncSeekExt};
            assert_eq!(file.seek(SeekFrom::End(-10)).await.unwrap(), 199_990);
            let mut rest = Vec::new();
            file.read_to_end(&mut rest).await.unwrap();
            assert!(rest == data[199_990..]);
        }
        drop(file);
        let mut want = data;
        want[71_500..71_510].copy_from_slice(b"in between");
        assert!(std::fs::read(&path).unwrap() == want);
        std::fs::remove_file(&path).unwrap();
    });
}

/// Sends and receives at once, over any two halves; the writing half is dropped at its end.
async fn talk(
    mut reader: impl tokio::io::AsyncRead + Unpin,
    mut writer: impl tokio::io::AsyncWrite + Unpin,
    data: &[u8],
) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut got = Vec::new();
    let send = async move {
        writer.write_all(data).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let ((), read) = tokio::join!(send, reader.read_to_end(&mut got));
    read.unwrap();
    got
}

async fn echo(stream: Stream) {
    use tokio::io::AsyncWriteExt;
    let (mut reader, mut writer) = tokio::io::split(stream);
    tokio::io::copy(&mut reader, &mut writer).await.unwrap();
    writer.shutdown().await.unwrap();
}

#[test]
fn halves_of_tokio_go_at_once() {
    on_each_runtime(|driver| async move {
        let (client, server) = pair(&driver).await;
        let data = pattern(2_000_000);
        let (reader, writer) = tokio::io::split(client);
        let ((), got) = tokio::join!(echo(server), talk(reader, writer, &data));
        assert!(got == data, "{} of {}", got.len(), data.len());
    });
}

#[test]
fn halves_of_abio_go_at_once() {
    use abio::traits::Split;
    on_each_runtime(|driver| async move {
        let (client, server) = pair(&driver).await;
        let data = pattern(2_000_000);
        let (reader, writer) = client.split().unwrap();
        let ((), got) = tokio::join!(echo(server), talk(reader, writer, &data));
        assert!(got == data, "{} of {}", got.len(), data.len());
    });
}
