// pion, for interop.mjs. It has no encoders: its packets carry bytes that nobody decodes.
//
//	main offer|answer h264|vp8 BYTES
package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
)

const message = 16000

var lines = bufio.NewScanner(os.Stdin)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func say(sdp string) {
	fmt.Printf("%s\r\n\r\n", strings.TrimSpace(sdp))
}

func hear() string {
	var sdp strings.Builder
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			return sdp.String()
		}
		sdp.WriteString(line + "\r\n")
	}
	panic("the input ended")
}

type peer struct {
	*webrtc.PeerConnection
	offers       bool
	video, audio int64
	got          int64
	over         int32
	mirror       *webrtc.DataChannel
	sent, heard  [][32]byte
}

// local waits for the candidates and writes the description.
func (p *peer) local(description webrtc.SessionDescription, err error) {
	must(err)
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	must(p.SetLocalDescription(description))
	<-gathered
	say(p.LocalDescription().SDP)
}

func (p *peer) negotiate(offers bool, options *webrtc.OfferOptions) {
	if offers {
		p.local(p.CreateOffer(options))
		must(p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: hear()}))
		return
	}
	must(p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: hear()}))
	p.local(p.CreateAnswer(nil))
}

func (p *peer) play(track *webrtc.TrackLocalStaticSample, data []byte, every time.Duration) {
	go func() {
		for range time.Tick(every) {
			_ = track.WriteSample(media.Sample{Data: data, Duration: every})
		}
	}()
}

// send sends bytes and waits until they are back.
func (p *peer) send(bytes int) error {
	end := atomic.LoadInt64(&p.got) + int64(bytes)
	for left := bytes; left > 0; left -= message {
		for p.mirror.BufferedAmount() > 1<<18 {
			time.Sleep(5 * time.Millisecond)
		}
		data := make([]byte, min(message, left))
		_, _ = rand.Read(data)
		p.sent = append(p.sent, sha256.Sum256(data))
		if err := p.mirror.Send(data); err != nil {
			return err
		}
	}
	for tries := 0; atomic.LoadInt64(&p.got) < end; tries++ {
		if tries > 5500 {
			return fmt.Errorf("%d of %d bytes came back", atomic.LoadInt64(&p.got), end)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// pictures waits for so many more pictures and frames of sound.
func (p *peer) pictures(video, audio int64) error {
	video, audio = atomic.LoadInt64(&p.video)+video, atomic.LoadInt64(&p.audio)+audio
	for tries := 0; atomic.LoadInt64(&p.video) < video || atomic.LoadInt64(&p.audio) < audio; tries++ {
		if tries > 1000 {
			return fmt.Errorf("no more pictures or sound")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (p *peer) reset() error {
	channel, err := p.CreateDataChannel("second", nil)
	must(err)
	closed, echoed := make(chan bool, 1), make(chan bool, 8)
	channel.OnClose(func() { closed <- true })
	channel.OnMessage(func(webrtc.DataChannelMessage) { echoed <- true })
	channel.OnOpen(func() {
		for n := 0; n < 5; n++ {
			_ = channel.SendText("hello")
		}
	})
	late := time.After(8 * time.Second)
	for n := 0; n < 5; n++ {
		select {
		case <-echoed:
		case <-late:
			return fmt.Errorf("the second channel has %d messages", n)
		}
	}
	if p.offers {
		must(channel.Close())
	} else {
		must(channel.SendText("close"))
	}
	select {
	case <-closed:
		return nil
	case <-late:
		return fmt.Errorf("the channel does not close")
	}
}

func (p *peer) step(what string) error {
	switch what {
	case "reset":
		return p.reset()
	case "more":
		if p.offers {
			_, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
			must(err)
		}
		p.negotiate(p.offers, nil)
	case "restart":
		p.negotiate(p.offers, &webrtc.OfferOptions{ICERestart: true})
	}
	if err := p.send(200000); err != nil {
		return err
	}
	return p.pictures(10, 10)
}

func main() {
	lines.Buffer(nil, 1<<20)
	bytes, err := strconv.Atoi(os.Args[3])
	must(err)
	engine := &webrtc.MediaEngine{}
	video := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
	picture := append([]byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00}, make([]byte, 900)...)
	if os.Args[2] == "h264" {
		video = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
		picture = append([]byte{0, 0, 0, 1, 0x65, 0x88}, make([]byte, 900)...)
		_, _ = rand.Read(picture[6:])
	}
	video.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	must(engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: video, PayloadType: 96}, webrtc.RTPCodecTypeVideo))
	must(engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio))
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	must(err)
	p := &peer{PeerConnection: pc, offers: os.Args[1] == "offer"}
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state >= webrtc.PeerConnectionStateDisconnected {
			atomic.StoreInt32(&p.over, 1)
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() == webrtc.RTPCodecTypeAudio {
				atomic.AddInt64(&p.audio, 1)
			} else if packet.Marker {
				atomic.AddInt64(&p.video, 1)
			}
		}
	})
	opened := make(chan bool, 1)
	use := func(channel *webrtc.DataChannel) {
		p.mirror = channel
		channel.OnOpen(func() { opened <- true })
		channel.OnMessage(func(m webrtc.DataChannelMessage) {
			p.heard = append(p.heard, sha256.Sum256(m.Data))
			atomic.AddInt64(&p.got, int64(len(m.Data)))
		})
	}
	pc.OnDataChannel(use)
	if p.offers {
		channel, err := pc.CreateDataChannel("mirror", nil)
		must(err)
		use(channel)
	}
	for _, it := range []struct {
		codec webrtc.RTPCodecCapability
		id    string
		data  []byte
		every time.Duration
	}{{video, "video", picture, 33 * time.Millisecond}, {opus, "audio", append([]byte{0xfc}, make([]byte, 60)...), 20 * time.Millisecond}} {
		track, err := webrtc.NewTrackLocalStaticSample(it.codec, it.id, "pion")
		must(err)
		_, err = pc.AddTrack(track)
		must(err)
		p.play(track, it.data, it.every)
	}
	p.negotiate(p.offers, nil)
	<-opened
	must(p.send(bytes))
	must(p.pictures(20, 50))
	steps := map[string]string{}
	for _, step := range []string{"reset", "more", "restart"} {
		fmt.Printf("step %s\n", step)
		steps[step] = "yes"
		if err := p.step(step); err != nil {
			steps[step] = err.Error()
		}
	}
	same := len(p.sent) == len(p.heard)
	for n := range p.heard {
		same = same && p.sent[n] == p.heard[n]
	}
	if !p.offers {
		fmt.Println("enough")
		for tries := 0; tries < 400 && atomic.LoadInt32(&p.over) == 0; tries++ {
			time.Sleep(20 * time.Millisecond)
		}
	}
	result := map[string]interface{}{
		"version": os.Getenv("PION_VERSION"), "video": atomic.LoadInt64(&p.video), "audio": atomic.LoadInt64(&p.audio),
		"bytes": atomic.LoadInt64(&p.got), "same": same, "steps": steps, "heard": atomic.LoadInt32(&p.over) != 0,
	}
	must(pc.Close())
	time.Sleep(200 * time.Millisecond)
	text, err := json.Marshal(result)
	must(err)
	fmt.Println(string(text))
}
