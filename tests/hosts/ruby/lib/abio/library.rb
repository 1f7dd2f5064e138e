# frozen_string_literal: true

require "fiddle"
require "json"

module Abio
  # A code below zero that a function answered or an operation ended with.
  class Error < StandardError
    attr_reader :number, :name, :progress

    def initialize(library, number, progress = 0)
      @number = number
      @name = library.error_name(number).to_s
      @progress = progress
      super("#{library.error_text(number)} (#{@name})")
    end
  end

  class Canceled < Error; end

  # Every function of abio by the one symbol `abio_api`, as a method without its prefix, and the
  # constants and structs of abio.json.  Handles are Integers, memory is Fiddle::Pointer.
  class Library
    TYPES = { "u64" => -Fiddle::TYPE_LONG_LONG, "i64" => Fiddle::TYPE_LONG_LONG,
              "u32" => -Fiddle::TYPE_INT, "i32" => Fiddle::TYPE_INT,
              "ptr" => Fiddle::TYPE_VOIDP }.freeze
    PACK = { "u64" => "Q<", "i64" => "q<", "ptr" => "Q<", "u32" => "L<", "i32" => "l<",
             "u16" => "S<" }.freeze

    attr_reader :version, :manifest

    def initialize(path, generated)
      read = ->(name) { JSON.parse(File.read(File.join(generated, name))) }
      json = read.("abio.json")
      @manifest = read.("conformance.json")
      @description = json["description"]
      @structs = @description["structs"].to_h { |struct| [struct["name"], struct] }
      @constants = constants
      @library = Fiddle.dlopen(path)
      attach(path, *@description["abi"].values_at("major", "minor"))
      compare(path, json["sha256"])
    end

    # A constant by its name in abio.h without ABIO_: library[:E_BUSY].
    def [](name) = @constants.fetch(name)

    def check(number)
      raise Error.new(self, number) if number.negative?

      number
    end

    # Memory of malloc's, zeroed: unlike that of a String it never moves.  It is freed with its
    # last reference, so whoever lends it keeps one.
    def memory(size, text = nil)
      Fiddle::Pointer.malloc([size, 1].max, Fiddle::RUBY_FREE).tap do |memory|
        memory[0, size] = (text || "").b.ljust(size, "\0")
      end
    end

    # A struct with its size and these fields.
    def struct(name, **fields)
      struct = @structs.fetch(name.to_s)
      memory(struct["size"]).tap do |memory|
        struct["fields"].each do |field|
          value = field["name"] == "size" ? struct["size"] : fields[field["name"].to_sym]
          next unless value

          bytes = value.is_a?(String) ? value : [value].pack(PACK.fetch(field["type"]))
          memory[field["offset"], bytes.bytesize] = bytes
        end
      end
    end

    # The fields of a struct in memory.
    def fields(name, memory)
      @structs.fetch(name.to_s)["fields"].to_h do |field|
        bytes = memory[field["offset"], field["size"]]
        format = PACK[field["type"]]
        [field["name"].to_sym, format ? bytes.unpack1(format) : bytes]
      end
    end

    # The fields of a struct that the block has filled.
    def filled(name)
      memory = struct(name)
      check(yield(memory))
      fields(name, memory)
    end

    # The handle that the block has stored.
    def made
      out = memory(8)
      check(yield(out))
      out[0, 8].unpack1("Q<")
    end

    private

    def constants
      @description["constants"].each_with_object({}) do |group, all|
        group["values"].each do |value|
          all[:"#{group["prefix"].delete_prefix("ABIO_")}#{value["name"]}"] = value["number"]
        end
      end
    end

    def attach(path, major, minor)
      define("abio_api", @library["abio_api"])
      root = api(major)
      raise "#{path} is not of the major version #{major}" if root.null?

      size, has_major, has_minor = root[0, 8].unpack("L<S<S<")
      unless has_major == major && has_minor >= minor
        raise "#{path} is #{has_major}.#{has_minor}, needed is #{major}.#{minor}"
      end

      @manifest["functions"].each do |name, function|
        offset = function["offset"]
        next if offset.zero?
        raise "#{path} is too old: it has no #{name}" if offset + 8 > size

        define(name, root[offset, 8].unpack1("Q<"))
      end
    end

    # Only abio_driver_wait blocks; all others keep Ruby's lock, which is cheaper than letting it
    # go and taking it again.
    def define(name, address)
      types, result = @manifest["functions"][name].values_at("types", "result")
      function = Fiddle::Function.new(address, types.map { |type| TYPES.fetch(type) },
                                      TYPES.fetch(result),
                                      need_gvl: name != "abio_driver_wait")
      define_singleton_method(name.delete_prefix("abio_")) { |*values| function.call(*values) }
    end

    def compare(path, sha256)
      abi = filled(:abi) { |info| abi_info(info) }
      have, want = abi.values_at(:major, :minor, :patch), @description["abi"]["version"]
      @version = have.join(".")
      return if abi[:hash].unpack1("H*") == sha256 || (have <=> want.split(".").map(&:to_i)) == 1

      raise "#{path} was built from another description than abio.json"
    end
  end
end
