# frozen_string_literal: true

module Abio
  # An io with the methods of Ruby's own IO.  Each call waits in its fiber alone.
  class Stream
    include Enumerable

    CHUNK = 65_536
    LONGEST = 1 << 20

    attr_reader :io

    def initialize(driver, io)
      @driver = driver
      @library = driver.library
      @io = io
    end

    # At most `length` bytes, nil at the end.
    def readpartial(length = CHUNK)
      return take if line[:filled].positive?

      event = @driver.run(:fill_buf, reader, 0)
      return if event.result.zero?

      Fiddle::Pointer.new(event.data)[0, [event.result, length].min].tap do |part|
        @library.check(@library.consume(reader, part.bytesize))
      end
    end

    def read
      whole = String.new
      while (part = readpartial)
        whole << part
      end
      whole
    end

    def pread(length, offset)
      memory = @library.memory(length)
      memory[0, @driver.run(:read_at, @io, memory, length, offset, 0).result]
    end

    def write(text)
      @driver.run(:write_all, @io, @library.memory(text.bytesize, text), text.bytesize, 0).result
    end

    # A line with its end, nil at the end.  A part of one, or one that came too late, is still in
    # the buffer if a task was stopped that waited here.
    def gets
      @driver.run(:read_line, reader, @line, 0) unless whole_line?
      take.force_encoding(Encoding::UTF_8) if line[:filled].positive?
    end

    # An Enumerator without a block.
    def each_line
      return to_enum(__method__) unless block_given?

      while (line = gets)
        yield line
      end
      self
    end
    alias each each_line

    def rewind = @driver.run(:rewind, reader, 0)

    # All the rest of this one to `sink`, by the kernel where it can; the bytes copied.
    def copy_to(sink) = @driver.run(:copy, @reader || @io, sink.io, 2**64 - 1, 0).result

    def accept(&block) = @driver.stream(@driver.run(:accept, @io, 0).handle, &block)

    def close_write = @driver.run(:shutdown, @io, 0)

    def close
      return if @closed

      @closed = true
      begin
        @driver.run(:close, @io, 0)
      rescue Error => e
        raise unless e.number == @library[:E_CLOSED] # the driver was faster
      ensure
        @library.release(@reader) if @reader
        @library.buffer_release(@line) if @line
        @library.release(@io)
      end
    end

    private

    # Reading goes through a reader of the library's: what a stopped task was too late to take
    # stays there for the next.
    def reader
      @reader ||= begin
        @line = @library.made { |out| @library.buffer_alloc(LONGEST, 0, 0, out) }
        @library.made { |out| @library.buf_reader(@io, CHUNK, 0, out) }
      end
    end

    # Where the buffer for lines is, and how far it is filled.
    def line
      reader
      @library.filled(:buffer_state) { |info| @library.buffer_info(@line, info) }
    end

    def whole_line?
      state = line
      state[:filled].positive? && Fiddle::Pointer.new(state[:data])[state[:filled] - 1, 1] == "\n"
    end

    # What the buffer holds; it is empty then.
    def take
      state = line
      Fiddle::Pointer.new(state[:data])[0, state[:filled]].tap do
        @library.check(@library.buffer_set(@line, 0, 0))
      end
    end
  end
end
