package data

// Decode returns the image of a JPEG or PNG file as red, green and blue bytes. The kind is told
// from the content; what is transparent lies on white.
func Decode(content []byte) (Picture, error) {
	return new(decoder).decode(content)
}

// Resize scales src to the size of dst, which has the memory for it and as many channels, as Pillow
// does.
func Resize(dst, src Picture) {
	scale(dst, src, box{0, 0, src.Height, src.Width}, dst.Height, dst.Width, 0, 0)
}

// Grey is the brightness of a picture in colour, as Pillow has it.
func (p Picture) Grey() Picture {
	out := Picture{Pixels: make([]uint8, p.Height*p.Width), Height: p.Height, Width: p.Width, Channels: 1}
	for i := range out.Pixels {
		r, g, b := uint32(p.Pixels[3*i]), uint32(p.Pixels[3*i+1]), uint32(p.Pixels[3*i+2])
		out.Pixels[i] = uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
	}
	return out
}
