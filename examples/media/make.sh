#!/bin/sh
# Makes sample.brtc and sample-small.brtc, the media that the examples stream when they are given nothing else: ten seconds of a synthetic
# scene with sound, all of our own. Needs ffmpeg with libx264 and libopus. Every key frame is 88 to 120 KB, more than
# 64 packets, and the still background's grain is why: those are what a loss-recovery history has to hold in full.
# `make.sh codecs FOLDER` makes instead sample-vp8.brtc, sample-vp9.brtc and sample-av1.brtc there: the small one in these codecs. It needs
# libvpx and libaom.
set -eu
[ "${1:-}" != codecs ] || folder=$(cd "$2" && pwd)
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Grain that stands still costs a key frame much and the frames after it nothing; over it a test card and a Game of
# Life move about. Sound: a chord whose loudness rises and falls about four times a second, as speech does.
scene='-f lavfi -i gradients=size=1280x720:rate=30:duration=10:speed=0.00001:x0=0:y0=0:x1=1279:y1=719:nb_colors=4:seed=7
    -f lavfi -i testsrc2=size=640x360:rate=30:duration=10
    -f lavfi -i life=size=160x90:rate=15:seed=42:ratio=0.3:mold=10:life_color=#ffd070:death_color=#203040:mold_color=#702040,trim=duration=10'
moving="
        [1:v]format=yuv420p[card];
        [2:v]scale=320:180:flags=neighbor,format=yuv420p[life];
        [back][card]overlay=x='320+300*sin(2*PI*t/10)':y='180+160*cos(2*PI*t/5)':eval=frame[both];
        [both][life]overlay=x=40:y=500"

if [ -n "${folder:-}" ]; then
    of() {
        name=$1
        shift
        ffmpeg -hide_banner -loglevel error -y $scene \
            -filter_complex "[0:v]format=yuv420p[back];$moving,scale=640:360,format=yuv420p[v]" \
            -map "[v]" -t 10 "$@" -g 50 -b:v 400k -f ivf "$work/$name.ivf"
        cargo xtask pack --ivf "$work/$name.ivf" --fps 30 -o "$folder/sample-$name.brtc"
    }
    of vp8 -c:v libvpx -deadline realtime -cpu-used 4 -lag-in-frames 0
    of vp9 -c:v libvpx-vp9 -deadline realtime -cpu-used 6 -lag-in-frames 0
    of av1 -c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0
    exit
fi

ffmpeg -hide_banner -loglevel error -y $scene \
    -filter_complex "[0:v]format=yuv420p,noise=c0s=7:c0_seed=3,noise=c1s=3:c1_seed=5[back];$moving,format=yuv420p[v]" \
    -map "[v]" -t 10 -c:v libx264 -preset medium -profile:v baseline -level 3.1 -bf 0 \
    -g 100 -keyint_min 100 -sc_threshold 0 -crf 28 -maxrate 2200k -bufsize 2500k -x264-params ipratio=1.2 -threads 1 \
    -bsf:v filter_units=remove_types=6 -f h264 "$work/video.h264"

ffmpeg -hide_banner -loglevel error -y \
    -f lavfi -i "aevalsrc='(0.22*sin(2*PI*220*t)+0.14*sin(2*PI*330*t)+0.08*sin(2*PI*554*t))*(0.55+0.45*sin(2*PI*4*t))|(0.22*sin(2*PI*220*t)+0.14*sin(2*PI*277*t)+0.08*sin(2*PI*440*t))*(0.55+0.45*sin(2*PI*3*t))':s=48000:d=9.98" \
    -c:a libopus -b:a 64k -vbr off -frame_duration 20 -application audio -fflags +bitexact -flags:a +bitexact "$work/audio.ogg"

# The same without the grain in a quarter of the size, for paths that do not carry the other: key frames of 9 KB. Every
# second one falls on a key frame of the large one.
ffmpeg -hide_banner -loglevel error -y $scene \
    -filter_complex "[0:v]format=yuv420p[back];$moving,scale=640:360,format=yuv420p[v]" \
    -map "[v]" -t 10 -c:v libx264 -preset medium -profile:v baseline -level 3.1 -bf 0 \
    -g 50 -keyint_min 50 -sc_threshold 0 -b:v 400k -maxrate 420k -bufsize 130k -threads 1 \
    -bsf:v filter_units=remove_types=6 -f h264 "$work/small.h264"

cargo xtask pack --annexb "$work/video.h264" --fps 30 --ogg "$work/audio.ogg" -o sample.brtc
cargo xtask pack --annexb "$work/small.h264" --fps 30 -o sample-small.brtc
